// The runs over time: a bar for each run, from the start of the cycle to its end.
const say = (seconds) => (seconds < 0.1 ? `${Math.round(seconds * 1000)} ms` : seconds < 60
  ? `${Math.round(seconds * 10) / 10} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`);

export default {
  template: `
    <div class="timeline">
      <ol>
        <li v-for="row in rows" :key="row.key" class="timeline-row" :data-tone="row.look.tone">
          <span class="timeline-role one-line">{{ row.name }}</span>
          <span class="timeline-track" aria-hidden="true">
            <span v-if="row.wide != null" class="timeline-bar" :data-status="row.look.word"
              :style="{ left: row.left + '%', width: 'max(3px, ' + row.wide + '%)' }"></span>
          </span>
          <span class="timeline-said">{{ row.said }}</span>
        </li>
      </ol>
      <div class="timeline-axis" aria-hidden="true"><span>0</span><span>{{ total }}</span></div>
    </div>`,
  props: { nodes: Array, began: Number, ended: Number },
  data: () => ({ now: window.recursor.now() / 1000, timer: null }),
  computed: {
    end() {
      return this.ended ?? Math.max(this.now, this.began + 0.001);
    },
    total() {
      return say(this.end - this.began);
    },
    rows() {
      const all = Math.max(0.0001, this.end - this.began);
      return this.nodes.map((node) => {
        if (node.started == null) return { ...node, said: node.look.word, wide: null };
        const until = node.finished ?? this.end;
        const left = Math.min(99.5, Math.max(0, ((node.started - this.began) / all) * 100));
        const wide = Math.min(100 - left, Math.max(0, ((until - node.started) / all) * 100));
        return { ...node, left, wide, said: say(Math.max(0, until - node.started)) };
      });
    },
  },
  mounted() {
    this.timer = setInterval(() => {
      if (this.ended == null && !document.hidden) this.now = window.recursor.now() / 1000;
    }, 500);
  },
  unmounted() {
    clearInterval(this.timer);
  },
};
