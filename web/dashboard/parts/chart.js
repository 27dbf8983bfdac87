// Figures over time, drawn by ECharts, which is loaded only when a chart comes into view. The colours are the
// palette's, and follow the theme.
const probe = document.createElement("span");
probe.style.display = "none";

function colour(name) {
  // Colours for a canvas: with light-dark() and color-mix() resolved.
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const both = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function number(value, unit) {
  if (value == null) return "—";
  if (unit === "%") return `${Math.round(value * 10) / 10} %`;
  if (unit === "s") return value < 1 ? `${Math.round(value * 1000)} ms` : `${Math.round(value * 10) / 10} s`;
  return new Intl.NumberFormat().format(Math.round(value * 100) / 100);
}

// Whether a value is one of very few, or isolated between gaps.
function alone(values, index) {
  if (values.filter((value) => value != null).length < 3) return true;
  return values[index - 1] == null && values[index + 1] == null;
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) entry.target.recursorChart?.begin();
}, { rootMargin: "200px" });

export default {
  template: `<div class="chart" role="img" :aria-label="label"><div class="chart-canvas" ref="canvas"></div></div>`,
  props: { label: String, times: Array, span: Number, series: Array, unit: String, top: Number },
  mounted() {
    this.$el.recursorChart = this;
    seen.observe(this.$el);
    document.documentElement.addEventListener("recursor-theme", this.draw);
  },
  beforeUnmount() {
    seen.unobserve(this.$el);
    document.documentElement.removeEventListener("recursor-theme", this.draw);
    this.size?.disconnect();
    this.chart?.dispose();
    this.gone = true;
  },
  watch: {
    series: "soon",
    times: "soon",
  },
  methods: {
    soon() {
      // Figures may change several times a second, and drawing is expensive for the browser.
      this.waiting ??= setTimeout(() => {
        this.waiting = null;
        this.draw();
      }, Math.max(0, 2000 - (performance.now() - (this.drawn ?? -2000))));
    },
    async begin() {
      if (this.begun) return;
      this.begun = true;
      seen.unobserve(this.$el);
      const { echarts } = await import("nicegui-echart");
      if (this.gone) return;
      this.chart = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
      this.size = new ResizeObserver(() => this.chart.resize());
      this.size.observe(this.$refs.canvas);
      this.draw();
    },
    draw() {
      if (!this.chart || this.gone) return;
      const first = this.drawn == null;
      this.drawn = performance.now();
      const ink = colour("ink-3"), line = colour("line"), times = this.times ?? [];
      const days = this.span >= 86400;
      const font = getComputedStyle(document.body).fontFamily;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.chart.setOption(
        {
          animation: first && !still,
          animationDuration: 250,
          textStyle: { fontFamily: font },
          grid: { left: 4, right: 24, top: this.series.length > 1 ? 30 : 10, bottom: 2, containLabel: true },
          legend: {
            show: this.series.length > 1, left: 0, top: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10,
            itemGap: 16, textStyle: { color: colour("ink-2"), fontFamily: font, fontSize: 12 }, selectedMode: false,
          },
          tooltip: {
            trigger: "axis",
            confine: true,
            axisPointer: { type: "line", lineStyle: { color: ink, type: "dotted" } },
            backgroundColor: colour("raised"),
            borderColor: line,
            textStyle: { color: colour("ink"), fontFamily: font, fontSize: 12 },
            formatter: (points) => {
              const at = times[points[0].dataIndex] * 1000;
              const box = document.createElement("div");
              const head = box.appendChild(document.createElement("div"));
              head.textContent = days ? day.format(at) : both.format(at);
              head.style.color = ink;
              for (const point of points) {
                const row = box.appendChild(document.createElement("div"));
                row.textContent = `${point.seriesName}: ${number(point.value, this.unit)}`;
              }
              return box;
            },
          },
          xAxis: {
            type: "category",
            data: times.map((at) => (this.span > 3600 ? day : clock).format(at * 1000)),
            axisLine: { lineStyle: { color: line } },
            axisTick: { show: false },
            axisLabel: { color: ink, fontSize: 11, hideOverlap: true, fontFamily: font },
          },
          yAxis: {
            type: "value",
            min: 0,
            max: this.top ?? undefined,
            minInterval: this.unit ? undefined : 1,
            interval: this.top ? this.top / 2 : undefined,
            splitNumber: 3,
            axisLabel: { color: ink, fontSize: 11, fontFamily: font, formatter: (value) => number(value, this.unit) },
            splitLine: { lineStyle: { color: line } },
          },
          series: this.series.map((one) => ({
            name: one.name,
            type: one.kind,
            stack: one.stack,
            data: one.values,
            color: colour(one.tone),
            barMaxWidth: 18,
            barCategoryGap: "30%",
            itemStyle: { borderRadius: one.kind === "bar" ? 2 : 0 },
            lineStyle: { width: 2 },
            // A line connects neighbours: an isolated value would be invisible.
            showSymbol: true,
            showAllSymbol: true,
            symbol: "circle",
            symbolSize: (_value, { dataIndex }) => (alone(one.values, dataIndex) ? 7 : 0),
            connectNulls: false,
            areaStyle: one.kind === "line" ? { opacity: 0.1 } : undefined,
            emphasis: { disabled: true },
          })),
        },
        { notMerge: false, replaceMerge: ["series"] },
      );
    },
  },
};
