// An icon, drawn with lines. There is always a word beside it, or a label around it.
const PATHS = {
  alert: "M12 8v5M12 16.5v.01M10.3 3.9 2.6 17.3A2 2 0 0 0 4.3 20.3h15.4a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z",
  back: "M19 12H5M11 6l-6 6 6 6",
  bulb: "M9 18h6M10 21h4M8.2 14.5A6 6 0 1 1 15.8 14.5c-.6.6-.8 1-.8 1.5H9c0-.5-.2-.9-.8-1.5Z",
  chart: "M4 4v16h16M8 16v-4M12.5 16V8M17 16v-6",
  chat: "M20 15a3 3 0 0 1-3 3H9l-5 3V7a3 3 0 0 1 3-3h10a3 3 0 0 1 3 3Z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  clock: "M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  cross: "M6 6l12 12M18 6 6 18",
  doctor: "M3 12h4l2.5-6 4 12L16 12h5",
  down: "M6 9l6 6 6-6",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  edit: "M4 20h4L19 9l-4-4L4 16ZM13.5 6.5l4 4",
  file: "M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8ZM14 3v5h5",
  folder: "M3 7a2 2 0 0 1 2-2h4l2 2.5h8a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2Z",
  graph: "M6 8.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM6 20.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM18 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM8.5 6.5l7 4M8.5 17.5l7-4",
  left: "M15 6l-6 6 6 6",
  leave: "M14 4H7a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h7M10 12h11M17 8l4 4-4 4",
  list: "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01",
  minus: "M6 12h12",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  pause: "M9 5v14M15 5v14",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5a7.5 7.5 0 0 1 15 0",
  play: "M8 5l11 7-11 7Z",
  plus: "M12 5v14M5 12h14",
  right: "M9 6l6 6-6 6",
  screen: "M4 5h16v11H4ZM9 20h6M12 16v4",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4",
  send: "M4 12l16-8-5 16-3.5-6.5Z",
  skip: "M5 5l9 7-9 7ZM18 5v14",
  sliders: "M5 6h8M17 6h2M5 12h2M11 12h8M5 18h9M18 18h1M15 4v4M9 10v4M16 16v4",
  stop: "M6.5 6.5h11v11h-11Z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  team: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 13.8a6.5 6.5 0 0 1 3.5 6.2",
  trace: "M5 5h14M5 10h9M5 15h12M5 20h6",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
};

export default {
  template: `<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path :d="path" /></svg>`,
  props: { name: String },
  computed: {
    path() {
      return PATHS[this.name] ?? "";
    },
  },
};
