// The checks, with their results.
export default {
  template: `
    <ul class="checks">
      <li v-for="one in checks" :key="one.id" class="checks-one">
        <span class="badge" :data-tone="one.tone"><nicegui-glyph :name="one.icon" /><span>{{ one.word }}</span></span>
        <span class="checks-title">{{ one.title }}</span>
        <span class="muted checks-detail">{{ one.detail }}</span>
      </li>
    </ul>`,
  props: { checks: Array },
};
