// A point in time in the browser's language and time zone, updated every second without the server.
const seconds = (at) => Math.max(0, Math.round(window.recursor.now() / 1000 - at));

function span(s) {
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function ago(at) {
  const s = seconds(at);
  if (s < 5) return "just now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// One timer for all moments of the page.
const shown = new Set();
setInterval(() => {
  // Without a connection, it is unknown whether this still lasts.
  if (!document.hidden && document.documentElement.dataset.connection !== "lost") for (const one of shown) one.tick += 1;
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const one of shown) one.tick += 1;
});

export default {
  template: `<time v-if="at != null" :datetime="iso" :title="title" class="number">{{ text }}</time
    ><span v-else class="muted">{{ otherwise }}</span>`,
  props: { at: Number, until: Number, how: String, otherwise: String },
  data: () => ({ tick: 0 }),
  computed: {
    iso() {
      return new Date(this.at * 1000).toISOString();
    },
    title() {
      return whole.format(this.at * 1000);
    },
    text() {
      this.tick;
      if (this.how === "for") {
        return this.until == null ? span(seconds(this.at)) : span(Math.max(0, Math.round(this.until - this.at)));
      }
      if (this.how === "in") {
        const left = Math.round(this.at - window.recursor.now() / 1000);
        return left <= 0 ? "now" : `in ${span(left)}`;
      }
      if (this.how === "ago") return ago(this.at);
      const today = new Date(window.recursor.now()).toDateString() === new Date(this.at * 1000).toDateString();
      return (today ? clock : day).format(this.at * 1000);
    },
  },
  mounted() {
    shown.add(this);
  },
  unmounted() {
    shown.delete(this);
  },
};
