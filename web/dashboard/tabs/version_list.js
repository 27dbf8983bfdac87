// The versions, each with a link.
export default {
  template: `
    <ul class="versions" role="list" aria-label="Versions">
      <li v-for="row in rows" :key="row.number">
        <a class="version" :href="row.link" :aria-current="row.number === chosen ? 'true' : undefined">
          <span class="version-name">Version {{ row.number }} <span v-if="row.newest" class="said-tag">newest</span></span>
          <span class="muted">by {{ row.author }}, <nicegui-moment :at="row.at" how="ago" /></span>
          <span class="muted number version-size">{{ row.size }}</span>
        </a>
      </li>
    </ul>`,
  props: { rows: Array, chosen: Number },
};
