// A field with its label, hint and error. A person's input stays: the server's value replaces it only when the
// server changes it.
let count = 0;

export default {
  template: `
    <div class="field" :class="{ 'field--bare': bare }">
      <label :for="name">{{ label }}</label>
      <textarea v-if="kind === 'area'" class="field-control" v-model="inner" v-bind="common" :rows="rows"
        @input="tell" @keydown.enter.ctrl="$emit('enter', inner)"></textarea>
      <select v-else-if="kind === 'select'" class="field-control" v-model="inner" v-bind="common" @change="tell">
        <option v-for="option in options" :key="option[0]" :value="option[0]">{{ option[1] }}</option>
      </select>
      <input v-else class="field-control" :type="kind" v-model="inner" v-bind="common"
        @input="tell" @keydown.enter="$emit('enter', inner)" />
      <span v-if="hint" class="field-hint" :id="name + '-hint'">{{ hint }}</span>
      <span class="field-remark" :id="name + '-remark'" role="status">{{ remark }}</span>
      <span class="field-error" :id="name + '-error'" role="alert" v-if="error">{{ error }}</span>
    </div>`,
  props: {
    label: String,
    kind: String,
    value: null,
    hint: String,
    error: String,
    remark: String,
    placeholder: String,
    options: Array,
    rows: Number,
    required: Boolean,
    bare: Boolean,
    maxlength: Number,
    wait: Number,
  },
  emits: ["told", "enter"],
  data() {
    return { name: `field-${++count}`, inner: this.value ?? "", timer: null };
  },
  computed: {
    common() {
      const about = ["hint", "remark", "error"].filter((each) => this[each]).map((each) => `${this.name}-${each}`);
      return {
        id: this.name,
        placeholder: this.placeholder,
        required: this.required,
        maxlength: this.maxlength,
        autocomplete: "off",
        "aria-invalid": this.error ? "true" : undefined,
        "aria-describedby": about.length ? about.join(" ") : undefined,
      };
    },
  },
  watch: {
    value(now) {
      this.inner = now ?? "";
    },
  },
  methods: {
    tell() {
      clearTimeout(this.timer);
      if (!this.wait) this.$emit("told", this.inner);
      else this.timer = setTimeout(() => this.$emit("told", this.inner), this.wait);
    },
    take(value) {
      this.inner = value;
    },
    focus() {
      this.$el.querySelector(".field-control").focus();
    },
  },
};
