// The doctor's findings.
export default {
  template: `
    <div class="stack">
      <ul v-if="findings.length" class="findings">
        <li v-for="one in findings" :key="one.key" class="card finding">
          <div class="finding-head">
            <span class="badge" :data-tone="one.tone"><nicegui-glyph :name="one.icon" /><span>{{ one.word }}</span></span>
            <h3>{{ one.symptom }}</h3>
            <a v-if="one.team" :href="'/teams/' + one.team">{{ one.name }}</a>
          </div>
          <dl class="finding-facts">
            <dt>Seen by</dt><dd>{{ one.evidence }}</dd>
            <dt>Because</dt><dd>{{ one.cause }}</dd>
            <dt>What to do</dt>
            <dd>{{ one.fix }}<div v-for="command in one.commands" :key="command"><code class="command">{{ command }}</code></div></dd>
          </dl>
        </li>
      </ul>
      <p v-if="left" class="muted">{{ left }}</p>
    </div>`,
  props: { findings: Array, left: String },
};
