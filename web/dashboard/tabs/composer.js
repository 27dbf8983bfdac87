// The form for visitors. The browser remembers the name, and unsent text until the tab is closed.
const NAME = "recursor.visitor";

function kept(storage, key) {
  try {
    return storage().getItem(key) ?? "";
  } catch {
    return "";  // Storage is disabled.
  }
}

function keep(storage, key, value) {
  try {
    if (value) storage().setItem(key, value);
    else storage().removeItem(key);
  } catch {
    // Storage is disabled: it is not remembered.
  }
}

const local = () => localStorage;
const session = () => sessionStorage;

export default {
  template: `
    <form class="composer" @submit.prevent="send" aria-label="Write to the team">
      <div class="field composer-name">
        <label for="composer-name">Your name</label>
        <input id="composer-name" class="field-control" maxlength="200" autocomplete="nickname" v-model="sender"
          :aria-invalid="problems.sender ? 'true' : undefined" aria-describedby="composer-name-problem"
          @input="problems = {}" @keydown.enter.prevent="$refs.content.focus()" />
        <span id="composer-name-problem" class="field-error" :role="problems.sender ? 'alert' : undefined">{{ problems.sender }}</span>
      </div>
      <div class="field composer-content">
        <label for="composer-content">Message</label>
        <textarea id="composer-content" ref="content" class="field-control" rows="2" maxlength="20000" v-model="content"
          placeholder="Ask a question, or ask for a change" dir="auto"
          :aria-invalid="problems.content ? 'true' : undefined" aria-describedby="composer-hint"
          @input="typed" @keydown.enter.exact="entered"></textarea>
        <span id="composer-hint" :class="problems.content ? 'field-error' : 'field-hint'"
          :role="problems.content ? 'alert' : undefined">{{ problems.content || hint }}</span>
      </div>
      <button type="submit" class="button button--primary composer-send" :aria-busy="busy ? 'true' : undefined">
        <nicegui-glyph name="send" /><span>{{ busy ? "Sending…" : "Send" }}</span></button>
    </form>`,
  props: { draft: String },
  emits: ["send"],
  data() {
    return { sender: kept(local, NAME), content: kept(session, this.draft), busy: false, problems: {} };
  },
  computed: {
    hint() {
      const left = 20000 - this.content.length;
      return left < 2000 ? `${left.toLocaleString()} characters left` : "Enter sends, Shift+Enter starts a new line.";
    },
  },
  methods: {
    typed() {
      this.problems = {};
      keep(session, this.draft, this.content);
    },
    entered(event) {
      // While an input method composes a word (as in Japanese), Enter confirms the word.
      if (event.isComposing) return;
      event.preventDefault();
      this.send();
    },
    send() {
      if (this.busy) return;
      this.busy = true;
      keep(local, NAME, this.sender.trim());
      this.$emit("send", { sender: this.sender, content: this.content });
    },
    // Called by the server with the error of a field, or none.
    settled(problems) {
      this.busy = false;
      this.problems = problems;
      if (problems.sender) this.$el.querySelector("#composer-name").focus();
      else this.$refs.content.focus();
      if (!Object.keys(problems).length) {
        this.content = "";
        keep(session, this.draft, "");
      }
    },
  },
};
