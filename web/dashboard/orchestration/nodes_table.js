// The nodes of a cycle in words: why each ran, how it ended, and its cost.
export default {
  template: `
    <ul class="nodes">
      <li v-for="node in nodes" :key="node.key" class="nodes-one">
        <div class="nodes-head">
          <b>{{ node.name }}</b>
          <span class="badge" :data-tone="node.look.tone">
            <nicegui-glyph :name="node.look.icon" /><span>{{ node.look.word }}</span>
          </span>
          <span class="muted">Wave {{ node.wave + 1 }}, priority {{ node.priority }}<template v-if="node.attempts > 1">,
            attempt {{ node.attempts }}</template><template v-if="node.dependencies.length">,
            after {{ node.dependencies.join(", ") }}</template></span>
        </div>
        <div class="written soft">{{ node.reason }}</div>
        <div v-if="node.note" class="written nodes-note" :data-tone="node.look.tone">{{ node.note }}</div>
        <div v-if="node.usage" class="muted">{{ node.usage }}</div>
      </li>
    </ul>`,
  props: { nodes: Array },
};
