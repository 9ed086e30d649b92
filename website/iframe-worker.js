// SPDX-License-Identifier: GPL-3.0-or-later
// Browsers let no page on disk start a worker. There the search runs in a hidden frame, which is told and tells the same.
(() => {
  "use strict";
  if (location.protocol !== "file:") return;

  class FrameWorker extends EventTarget {
    #frame = document.createElement("iframe");
    #waiting = [];
    #ready = false;

    constructor(url) {
      super();
      this.#frame.hidden = true;
      this.#frame.title = "search";
      document.documentElement.append(this.#frame);
      const inside = this.#frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = inside.document.createElement("script");
      script.src = new URL(url, location.href).href;
      script.addEventListener("load", () => this.#open());
      script.addEventListener("error", () => this.dispatchEvent(new ErrorEvent("error", { message: script.src })));
      inside.document.head.append(script);
    }

    postMessage(data) {
      if (this.#ready) this.#tell(data);
      else this.#waiting.push(data);
    }

    terminate() {
      this.#frame.remove();
    }

    #open() {
      this.#ready = true;
      for (const data of this.#waiting.splice(0)) this.#tell(data);
    }

    #tell(data) {
      const inside = this.#frame.contentWindow;
      inside.dispatchEvent(new inside.MessageEvent("message", { data }));
    }
  }

  window.Worker = FrameWorker;
})();
