// Commits, each with who made it, its todo, its links, and what its checks said.
export default {
  template: `
    <ul class="commits" role="list" :aria-label="label">
      <li v-for="row in rows" :key="row.id" class="commit">
        <div class="commit-head">
          <span v-if="row.look" class="badge" :data-tone="row.look.tone"><nicegui-glyph :name="row.look.icon" /><span>{{ row.look.word }}</span></span>
          <h3 class="commit-title written" dir="auto">{{ row.title }}</h3>
          <code class="muted">{{ row.commit.slice(0, 10) }}</code>
        </div>
        <div class="commit-about muted">
          <span>by <span dir="auto">{{ row.by }}</span>, <nicegui-moment :at="row.at" how="ago" /></span>
          <span v-if="row.changed">{{ row.changed }}</span>
          <a v-for="link in row.links" :key="link.text" :href="link.to" :aria-label="link.text + ': ' + row.title">{{ link.text }}</a>
        </div>
        <p v-if="row.todo" class="commit-todo soft written" dir="auto">{{ row.todo }}</p>
        <p v-if="row.waits" class="soft written" dir="auto">{{ row.waits }}</p>
        <p v-if="row.note" class="commit-note written" dir="auto">{{ row.note }}</p>
        <ul v-if="row.checks.length" class="checks" role="list" :aria-label="'Checks of ' + row.title">
          <li v-for="(check, index) in row.checks" :key="index" class="check" :data-tone="check.passed ? 'good' : 'bad'">
            <span class="check-head"><nicegui-glyph :name="check.passed ? 'check' : 'cross'" />
              <span class="check-said">{{ check.said }}</span> <code>{{ check.command }}</code> <span class="muted">{{ check.took }}</span></span>
            <details v-if="!check.passed && check.output" open>
              <summary>End of its output</summary>
              <pre tabindex="0" role="region" :aria-label="'Output of ' + check.command">{{ check.output }}</pre>
            </details>
          </li>
        </ul>
      </li>
    </ul>`,
  props: { rows: Array, label: String },
};
