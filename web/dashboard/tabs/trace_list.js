// Agents' traces, a row each. The thoughts are loaded when a row is opened.
export default {
  template: `
    <ul class="traces" role="list" aria-label="Traces">
      <li v-for="row in rows" :key="row.id" class="trace" :data-role="row.role">
        <div class="trace-head">
          <span class="trace-role">{{ row.role }}</span>
          <nicegui-moment class="muted" :at="row.at" how="at" />
          <a v-if="row.cycle" class="trace-cycle" :href="row.link">Cycle {{ row.cycle }}</a>
        </div>
        <p class="trace-summary written" dir="auto">{{ row.summary || "No summary" }}</p>
        <p v-if="row.effects.length" class="trace-effects" aria-label="Effects">
          <span v-for="effect in row.effects" :key="effect" class="said-tag">{{ effect }}</span>
        </p>
        <template v-if="row.count">
          <button type="button" class="button button--plain trace-open" :aria-expanded="String(row.open)"
            @click="$emit('toggle', row.id)">
            <nicegui-glyph :name="row.open ? 'down' : 'right'" />
            <span>{{ row.count }} {{ row.count === 1 ? "thought" : "thoughts" }}</span></button>
          <ol v-if="row.open" class="trace-thoughts">
            <li v-for="(thought, index) in row.thoughts" :key="index" class="written" dir="auto">{{ thought }}</li>
            <li v-if="row.more" class="trace-more muted">{{ row.more }}</li>
          </ol>
        </template>
      </li>
    </ul>`,
  props: { rows: Array },
  emits: ["toggle"],
};
