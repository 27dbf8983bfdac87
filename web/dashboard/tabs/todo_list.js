// The todos, a row each; open ones are edited in place. Input stays here until it is saved.
export default {
  template: `
    <ul class="todos" role="list" aria-label="Todos">
      <li v-for="row in rows" :key="row.id" class="todo" :data-todo="row.id" :data-open="row.open">
        <span class="todo-priority" :data-priority="row.open ? row.priority : 0"
          :title="'Priority ' + row.priority + ': ' + priorities[row.priority]">
          <span class="for-screen-readers">Priority </span>{{ row.priority || "?" }}
        </span>
        <form v-if="editing && editing.id === row.id" class="todo-form" @submit.prevent="save(row)"
          @keydown.esc.stop.prevent="stop">
          <div class="field">
            <label :for="'todo-' + row.id">Todo</label>
            <textarea class="field-control" rows="3" maxlength="2000" :id="'todo-' + row.id" v-model="editing.content"
              required :aria-invalid="problem ? 'true' : undefined"
              :aria-describedby="'todo-' + row.id + '-problem'" @input="problem = ''"
              @keydown.enter.ctrl.prevent="save(row)"></textarea>
            <span v-if="problem" class="field-error" role="alert" :id="'todo-' + row.id + '-problem'">{{ problem }}</span>
            <span v-else class="field-hint" :id="'todo-' + row.id + '-problem'">{{ changed(row) }}</span>
          </div>
          <div class="row">
            <div class="field todo-form-priority">
              <label :for="'priority-' + row.id">Priority</label>
              <select class="field-control" :id="'priority-' + row.id" v-model.number="editing.priority">
                <option v-for="level in [5, 4, 3, 2, 1]" :key="level" :value="level">{{ level }}: {{ priorities[level] }}</option>
              </select>
            </div>
            <span class="buttons todo-form-buttons">
              <button type="button" class="button button--plain" @click="stop">Keep as it was</button>
              <button type="submit" class="button button--primary" :aria-busy="busy ? 'true' : undefined">
                {{ busy ? "Saving…" : "Save" }}</button>
            </span>
          </div>
        </form>
        <div v-else class="todo-body">
          <p class="todo-content written" dir="auto">{{ row.content }}</p>
          <p class="todo-about">
            <span class="badge" :data-tone="row.look.tone"><nicegui-glyph :name="row.look.icon" /><span>{{ row.look.word }}</span></span>
            <span v-if="row.updated" class="muted">{{ row.open ? "changed " : "" }}by {{ person(row.updatedBy) }},
              <nicegui-moment :at="row.updated" how="ago" /></span>
            <span v-if="row.by" class="muted">from {{ person(row.by) }}<template v-if="!row.updated">,
              <nicegui-moment :at="row.created" how="ago" /></template></span>
          </p>
          <div v-if="asking === row.id" class="notice todo-ask" data-tone="warn" role="group" aria-label="Cancel this todo?">
            <span>Cancel this todo? No agent will work on it.</span>
            <span class="buttons">
              <button type="button" class="button button--danger" data-first @click="cancel(row)"
                :aria-busy="busy ? 'true' : undefined" @keydown.esc.stop="keep(row)">Cancel it</button>
              <button type="button" class="button" @click="keep(row)" @keydown.esc.stop="keep(row)">Keep it</button>
            </span>
          </div>
        </div>
        <span v-if="row.open && !(editing && editing.id === row.id) && asking !== row.id" class="buttons todo-actions">
          <button type="button" class="button button--plain" data-edit @click="edit(row)"
            :aria-label="'Edit: ' + short(row)"><nicegui-glyph name="edit" /><span>Edit</span></button>
          <button type="button" class="button button--plain" data-cancel @click="ask(row)"
            :aria-label="'Cancel: ' + short(row)"><nicegui-glyph name="cross" /><span>Cancel</span></button>
        </span>
        <span v-else-if="row.again" class="buttons todo-actions">
          <button type="button" class="button button--plain" data-again @click="$emit('again', row.id)"
            :aria-label="'Add again: ' + short(row)"><nicegui-glyph name="plus" /><span>Add again</span></button>
        </span>
      </li>
    </ul>`,
  props: { rows: Array, priorities: Object },
  emits: ["editing", "save", "cancel", "again"],
  data: () => ({ editing: null, asking: null, busy: false, problem: "" }),
  methods: {
    person: (who) => (who === "user" ? "a person" : who),
    short: (row) => (row.content.length > 60 ? row.content.slice(0, 59) + "…" : row.content),
    focus(id, what) {
      this.$nextTick(() => this.$el.querySelector(`[data-todo="${id}"] ${what}`)?.focus());
    },
    edit(row) {
      this.editing = { id: row.id, content: row.content, priority: row.priority, was: row.content, level: row.priority };
      this.asking = null;
      this.problem = "";
      this.$emit("editing", row.id);
      this.focus(row.id, "textarea");
    },
    changed(row) {
      if (!row.open) return `It is ${row.look.word.toLowerCase()} and can no longer be changed.`;
      const other = row.content !== this.editing.was || row.priority !== this.editing.level;
      return other ? `Changed by ${this.person(row.updatedBy)}. Saving overwrites that change.` : "Ctrl+Enter saves, Esc discards.";
    },
    save(row) {
      if (this.busy) return;
      this.busy = true;
      const { id, content, priority, was, level } = this.editing;
      // Only the changed fields: another person may have changed the others.
      this.$emit("save", { id, content: content === was ? null : content, priority: priority === level ? null : priority });
    },
    stop() {
      const id = this.editing.id;
      this.editing = null;
      this.busy = false;
      this.$emit("editing", null);
      this.focus(id, "[data-edit]");
    },
    ask(row) {
      this.asking = row.id;
      this.focus(row.id, "[data-first]");
    },
    keep(row) {
      this.asking = null;
      this.focus(row.id, "[data-cancel]");
    },
    cancel(row) {
      if (this.busy) return;
      this.busy = true;
      this.$emit("cancel", row.id);
    },
    // Called by the server with the result.
    settled(id, problem) {
      this.busy = false;
      if (this.editing?.id === id) {
        if (problem) {
          this.problem = problem;
          this.focus(id, "textarea");
        } else this.stop();
      }
      if (this.asking === id) {
        this.asking = null;
        this.focus(id, problem ? "[data-cancel]" : "[data-again]");
      }
    },
  },
};
