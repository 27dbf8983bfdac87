// Cycles, a row each. The number is a link to the details; the whole row follows it.
export default {
  template: `
    <div class="table-box">
      <table class="table rows cycles" role="table" aria-label="Cycles">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">Cycle</th>
            <th role="columnheader" scope="col">Status</th>
            <th role="columnheader" scope="col">Started</th>
            <th role="columnheader" scope="col" class="right">Duration</th>
            <th role="columnheader" scope="col">Agents</th>
            <th role="columnheader" scope="col" class="right">Parallel</th>
            <th role="columnheader" scope="col">Decision</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          <tr v-for="row in rows" :key="row.id" role="row">
            <td role="cell" class="rows-link cycles-number">
              <a :href="link(row.id)" :data-cycle="row.id" :aria-label="'Cycle ' + row.number">#{{ row.number }}</a>
            </td>
            <td role="cell" class="cycles-status">
              <span class="badge" :data-tone="row.status.tone">
                <nicegui-glyph :name="row.status.icon" /><span>{{ row.status.word }}</span>
              </span>
            </td>
            <td role="cell" class="cycles-started"><nicegui-moment :at="row.started" how="at" /></td>
            <td role="cell" class="cycles-duration right">
              <span v-if="row.duration">{{ row.duration }}</span><nicegui-moment v-else :at="row.started" how="for" />
            </td>
            <td role="cell" class="cycles-agents">{{ row.agents }}</td>
            <td role="cell" class="cycles-parallel right">{{ row.parallel }}</td>
            <td role="cell" class="cycles-decision" :title="row.error || row.reason">
              <b v-if="row.decision">{{ row.decision }}</b>
              <span :class="row.error ? 'bad' : 'muted'">{{ row.error || row.reason }}</span>
            </td>
          </tr>
        </tbody>
      </table>
    </div>`,
  props: { rows: Array, base: String },
  methods: {
    link(id) {
      return `${this.base}${this.base.includes("?") ? "&" : "?"}cycle=${id}`;
    },
    focus(id) {
      // The position before the cycle was opened.
      this.$el.querySelector(`[data-cycle="${id}"]`)?.focus({ preventScroll: true });
    },
  },
};
