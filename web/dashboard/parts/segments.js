// One of a few, shown side by side.
export default {
  template: `
    <div class="segments" role="group" :aria-label="label">
      <button v-for="one in options" :key="one.value" type="button" class="segment"
        :aria-pressed="String(one.value === inner)" @click="choose(one.value)">
        <span>{{ one.text }}</span><span v-if="one.count != null" class="segment-count">{{ one.count.toLocaleString("en-US") }}</span>
      </button>
    </div>`,
  props: { label: String, options: Array, chosen: String },
  emits: ["chosen"],
  data() {
    return { inner: this.chosen };
  },
  watch: {
    chosen(now) {
      this.inner = now;
    },
  },
  methods: {
    choose(value) {
      this.inner = value;
      this.$emit("chosen", value);
    },
  },
};
