// A cycle's graph: a column for each wave, a box for each node, a line for each dependency.
const WIDE = 208, HIGH = 62, BESIDE = 56, BELOW = 16, HEAD = 28, EDGE = 3;

export default {
  template: `
    <div class="graph-box" tabindex="0" role="group" aria-label="Graph, scrolls sideways">
      <svg :width="width" :height="height" :viewBox="'0 0 ' + width + ' ' + height" role="img" :aria-label="label">
        <text v-for="wave in waves" :key="'w' + wave" class="graph-wave" :x="x(wave - 1)" y="14">Wave {{ wave }}</text>
        <path v-for="edge in edges" :key="edge.key" class="graph-edge" :d="edge.d" />
        <g v-for="node in placed" :key="node.key" class="graph-node" :data-tone="node.look.tone"
          :data-status="node.look.word" :transform="'translate(' + node.x + ' ' + node.y + ')'">
          <title>{{ node.name }}: {{ node.look.word }}. {{ node.note || node.reason }}</title>
          <rect :width="wide" :height="high" rx="10" />
          <svg x="14" :y="high / 2 - 10" width="20" height="20" viewBox="0 0 24 24" class="graph-glyph">
            <nicegui-glyph :name="node.look.icon" width="24" height="24" />
          </svg>
          <text class="graph-role" x="46" :y="high / 2 - 5">{{ short(node.name) }}</text>
          <text class="graph-said" x="46" :y="high / 2 + 14">{{ node.look.word }}<tspan v-if="node.took"> · {{ node.took }}</tspan></text>
        </g>
      </svg>
    </div>`,
  props: { nodes: Array, label: String },
  computed: {
    wide: () => WIDE,
    high: () => HIGH,
    waves() {
      return 1 + Math.max(0, ...this.nodes.map((node) => node.wave));
    },
    tallest() {
      return Math.max(1, ...this.columns.map((column) => column.length));
    },
    columns() {
      return Array.from({ length: this.waves }, (_, wave) => this.nodes.filter((node) => node.wave === wave));
    },
    width() {
      return this.waves * WIDE + (this.waves - 1) * BESIDE + 2 * EDGE;
    },
    height() {
      return HEAD + this.tallest * HIGH + (this.tallest - 1) * BELOW + EDGE;
    },
    placed() {
      const all = this.height - HEAD - EDGE;
      return this.columns.flatMap((column, wave) => {
        const used = column.length * HIGH + (column.length - 1) * BELOW;
        return column.map((node, index) => ({
          ...node,
          x: this.x(wave),
          y: HEAD + (all - used) / 2 + index * (HIGH + BELOW),
        }));
      });
    },
    edges() {
      return this.placed.flatMap((node) =>
        this.placed.filter((from) => node.dependencies.includes(from.role)).map((from) => {
          const x1 = from.x + WIDE, y1 = from.y + HIGH / 2, y2 = node.y + HIGH / 2;
          const bend = Math.max(24, (node.x - x1) / 2);
          return { key: `${from.key}>${node.key}`, d: `M${x1} ${y1}C${x1 + bend} ${y1} ${node.x - bend} ${y2} ${node.x} ${y2}` };
        }),
      );
    },
  },
  methods: {
    x: (wave) => EDGE + wave * (WIDE + BESIDE),
    short: (name) => (name.length > 17 ? `${name.slice(0, 16)}…` : name),
  },
};
