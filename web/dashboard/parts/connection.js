// Whether the runner answers. While it does not, the page may be out of date, and a press would have no effect, or a
// late one: controls are disabled, clocks stop, and one line explains why.
const CONTROLS = "#main button, #main select";
const LEADS = `${CONTROLS}, #main tr, a[href^="/"]`;

export default {
  template: `
    <div class="connection" role="status">
      <span v-if="lost" class="connection-line">The runner does not answer; trying again…</span>
    </div>`,
  data: () => ({ lost: false }),
  async mounted() {
    this.held = [];
    // The library opens its socket when the whole page has been mounted.
    await this.$nextTick();
    const { socket } = window;
    // Reconnect to a restarted runner at once; the library alone would wait for up to five seconds.
    socket.io.reconnectionDelay(250);
    socket.io.reconnectionDelayMax(500);
    socket.on("disconnect", () => this.say(true));
    socket.on("connect_error", () => {
      this.say(true);
      this.enter();
    });
    socket.on("connect", () => this.say(false));
    for (const kind of ["click", "mousedown", "keydown"]) document.addEventListener(kind, this.hold, true);
  },
  methods: {
    say(lost) {
      if (lost === this.lost) return;
      this.lost = lost;
      document.documentElement.dataset.connection = lost ? "lost" : "there";
      for (const one of this.held) one.removeAttribute("aria-disabled");
      this.held = lost ? [...document.querySelectorAll(`:is(${CONTROLS}):not([aria-disabled="true"])`)] : [];
      for (const one of this.held) one.setAttribute("aria-disabled", "true");
    },
    async enter() {
      // A runner that refuses only this page wants its token again: the session has ended or expired.
      if (this.entering) return;
      this.entering = true;
      const answer = await fetch("/api/health").catch(() => null);
      this.entering = false;
      if (answer?.status === 401) location.reload();
    },
    hold(event) {
      if (!this.lost) return;
      const { target, type, key } = event;
      // Input stays, but is not sent. Leaving the page is possible.
      const held = {
        click: () => target.closest(LEADS),
        mousedown: () => target.closest("#main select"),
        keydown: () => (key === "Enter" && target.closest(".field-control"))
          || (key !== "Tab" && target.closest("#main select")),
      };
      if (!held[type]()) return;
      event.preventDefault();
      event.stopPropagation();
    },
  },
};
