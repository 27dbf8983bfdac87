// What agents asked for, and what people answered.
export default {
  template: `
    <ul class="requests" role="list" aria-label="Answered requests">
      <li v-for="row in rows" :key="row.id" class="request">
        <div class="request-head">
          <span class="badge" :data-tone="row.look.tone"><nicegui-glyph :name="row.look.icon" /><span>{{ row.look.word }}</span></span>
          <h3 class="request-subject written" dir="auto">{{ row.subject }}</h3>
        </div>
        <div class="request-about muted">
          <span>asked by {{ row.who }} <nicegui-moment :at="row.asked" how="ago" /></span>
          <span v-if="row.at">{{ row.by ? "answered by " + row.by : "ended" }} <nicegui-moment :at="row.at" how="ago" /></span>
        </div>
        <p v-if="row.note" class="request-why written" dir="auto">{{ row.note }}</p>
      </li>
    </ul>`,
  props: { rows: Array },
};
