// A passkey, asked of the browser (WebAuthn level 2). The form holds the options; its answer goes to the form's address.
(() => {
  "use strict";

  function octets(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(plain, (one) => one.charCodeAt(0));
  }

  function text(buffer) {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  function known(list) {
    return (list || []).map((one) => ({ ...one, id: octets(one.id) }));
  }

  async function made(options) {
    const user = { ...options.user, id: octets(options.user.id) };
    const given = { ...options, challenge: octets(options.challenge), user, excludeCredentials: known(options.excludeCredentials) };
    const one = await navigator.credentials.create({ publicKey: given });
    return { one, response: { attestationObject: text(one.response.attestationObject) } };
  }

  async function used(options) {
    const given = { ...options, challenge: octets(options.challenge), allowCredentials: known(options.allowCredentials) };
    const one = await navigator.credentials.get({ publicKey: given });
    const response = { authenticatorData: text(one.response.authenticatorData), signature: text(one.response.signature) };
    if (one.response.userHandle) response.userHandle = text(one.response.userHandle);
    return { one, response };
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("form[data-passkey]");
    if (!form) return;
    const button = form.querySelector("button[type=submit]");
    const said = document.getElementById("passkey-said");
    if (!window.PublicKeyCredential) {
      said.textContent = form.dataset.unable;
      button.disabled = true;
      return;
    }
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      button.disabled = true;
      said.textContent = form.dataset.waits;
      try {
        const options = JSON.parse(form.dataset.options);
        const { one, response } = await (form.dataset.passkey === "create" ? made(options) : used(options));
        response.clientDataJSON = text(one.response.clientDataJSON);
        form.elements.answer.value = JSON.stringify({ id: one.id, rawId: text(one.rawId), type: one.type, response });
        form.submit();
      } catch (error) {
        // Cancelled, timed out, or no passkey of ours on this device: browsers do not say which.
        said.textContent = form.dataset.failed;
        button.disabled = false;
      }
    });
  });
})();
