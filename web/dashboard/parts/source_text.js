// Text with its lines numbered.
export default {
  template: `
    <div class="source" tabindex="0" role="region" :aria-label="label">
      <ol><li v-for="(line, index) in lines" :key="index"><code>{{ line }}</code></li></ol>
    </div>`,
  props: { lines: Array, label: String },
};
