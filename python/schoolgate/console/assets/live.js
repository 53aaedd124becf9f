// The live log: pause and go on, a bound on what the page holds, and a count that is read out now and then.
(() => {
  "use strict";
  const MOST_ROWS = 200;
  const MOST_HELD = 40;
  const COUNT_EVERY_MS = 10000;

  // A deferred script runs when the page is read. This one runs before the stream's: a connection that stands at once
  // is seen, too.
  (() => {
    const live = document.getElementById("live");
    const head = document.getElementById("live-head");
    const state = document.getElementById("live-state");
    const pause = document.getElementById("live-pause");
    const count = document.getElementById("live-count");
    if (!live || !head) return;
    let isPaused = false;
    let held = [];
    let dropped = 0;
    let fresh = 0;

    const rowsIn = (html) => html.split("live-row").length - 1;

    function say(word) {
      state.textContent = state.dataset[word];
      state.className = "live-state live-" + word;
    }

    function trim() {
      const rows = live.querySelectorAll("tr.live-row");
      for (let at = rows.length - 1; at >= MOST_ROWS; at -= 1) rows[at].remove();
      for (const body of live.querySelectorAll("tbody")) if (!body.firstElementChild) body.remove();
    }

    function release() {
      for (const html of held) head.insertAdjacentHTML("afterend", html);
      held = [];
      window.htmx.process(live);
      count.textContent = dropped ? dropped + " older questions were left out while paused." : "";
      dropped = 0;
      trim();
    }

    // htmx looks at the page once, in a timer of its own. Where the stream's script
    // comes after that, the stream would never open; where htmx looks twice, it would open twice. So the attribute is set
    // when all scripts have run, after that timer.
    document.addEventListener("DOMContentLoaded", () => {
      window.setTimeout(() => {
        live.setAttribute("hx-sse:connect", live.dataset.stream);
        window.htmx.process(live);
      });
    });

    document.addEventListener("htmx:sse:after:connection", () => {
      say(isPaused ? "paused" : "running");
      pause.hidden = false;
      document.getElementById("live-newer").hidden = true;
    });

    document.addEventListener("htmx:sse:close", () => {
      say("stopped");
      pause.hidden = true;
      document.getElementById("live-newer").hidden = false;
    });

    document.addEventListener("htmx:sse:before:message", (event) => {
      const message = event.detail.message;
      if (message.event) return;
      if (!isPaused) {
        fresh += rowsIn(message.data);
        return;
      }
      event.preventDefault();
      held.push(message.data);
      if (held.length > MOST_HELD) dropped += rowsIn(held.shift());
      const waiting = held.reduce((sum, html) => sum + rowsIn(html), 0);
      pause.lastChild.textContent = "Go on (" + waiting + " new)";
    });

    document.addEventListener("htmx:sse:after:message", trim);

    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.setAttribute("aria-pressed", String(isPaused));
      pause.lastChild.textContent = isPaused ? "Go on" : "Pause";
      say(isPaused ? "paused" : "running");
      if (!isPaused) release();
    });

    window.setInterval(() => {
      if (isPaused || !fresh) return;
      count.textContent = fresh + " new questions";
      fresh = 0;
    }, COUNT_EVERY_MS);
  })();
})();
