// The roles with work: how urgent it is, and why.
export default {
  template: `
    <ul class="work">
      <li v-for="row in rows" :key="row.role" class="work-one" :data-tone="row.tone">
        <span class="work-role">{{ row.role }}</span>
        <span class="badge" :data-tone="row.tone"><nicegui-glyph :name="row.icon" /><span>{{ row.word }}</span></span>
        <span class="work-priority">
          <span class="work-meter" aria-hidden="true"><span :style="{ width: row.priority * 10 + '%' }"></span></span>
          <span class="number"><span class="for-screen-readers">Priority </span>{{ row.priority }}</span>
        </span>
        <span class="work-reason">{{ row.reason }}<span v-if="row.after" class="muted"> · after {{ row.after }}</span
          ><span v-if="row.due" class="muted"> · looks again <nicegui-moment :at="row.due" how="in" /></span></span>
      </li>
    </ul>`,
  props: { rows: Array },
};
