// One page of a directory.
export default {
  template: `
    <ul class="files" role="list" :aria-label="label">
      <li v-for="row in rows" :key="row.name" class="file">
        <nicegui-glyph :name="row.icon" />
        <a v-if="row.link" :href="row.link" class="file-name" dir="auto">{{ row.name }}</a>
        <span v-else class="file-name" dir="auto">{{ row.name }}</span>
        <span class="muted">{{ row.kind }}</span>
        <span class="muted number file-size">{{ row.size }}</span>
      </li>
    </ul>`,
  props: { rows: Array, label: String },
};
