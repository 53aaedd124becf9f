// The frame's own script. Without it every page and form works; with it the side panel opens and closes in place.
(() => {
  "use strict";
  let opener = null;

  function closePanel() {
    const panel = document.getElementById("panel");
    if (!panel || !panel.firstElementChild) return false;
    panel.replaceChildren();
    if (opener && opener.isConnected) opener.focus();
    opener = null;
    return true;
  }

  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close-panel]");
    // A page that was loaded with its panel open has an address of its own: there the link is followed.
    if (close && opener && closePanel()) event.preventDefault();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (opener) {
      closePanel();
    }
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const ctx = event.detail && event.detail.ctx;
    const target = ctx && ctx.target;
    if (!target || target.id !== "panel") return;
    opener = ctx.sourceElement;
    const heading = target.querySelector("h2");
    if (heading) heading.focus();
  });
})();
