// A thread of messages, oldest first, which stays at a person's scroll position, or at its end. All content is
// shown as text.
export default {
  template: `
    <div class="thread-box">
      <div class="thread" ref="thread" role="log" :aria-label="label" tabindex="0" @scroll.passive="scrolled">
        <div v-if="earlier" class="thread-earlier">
          <button type="button" class="button" :aria-busy="busy ? 'true' : undefined" @click="more">
            {{ busy ? "Loading…" : "Show earlier messages" }}</button>
        </div>
        <article v-for="row in rows" :key="row.id" class="said" :data-side="row.side">
          <header class="said-head">
            <bdi class="said-who">{{ row.who }}</bdi>
            <span v-if="row.to" class="muted">to <bdi>{{ row.to }}</bdi></span>
            <span v-if="row.tag" class="said-tag">{{ row.tag }}</span>
            <nicegui-moment v-if="row.at" class="muted" :at="row.at" how="at" />
          </header>
          <p v-if="row.waiting" class="said-waiting"><span v-if="row.active" class="pulse" aria-hidden="true"></span>
            <span>{{ row.waiting }}</span></p>
          <div v-else class="said-text">
            <p class="written" dir="auto">{{ row.text }}</p>
            <button v-if="row.more" type="button" class="button button--plain said-more" @click="$emit('whole', row.id)">
              Show all of it ({{ row.more.toLocaleString() }} more characters)</button>
          </div>
        </article>
        <slot></slot>
      </div>
      <button v-if="news" type="button" class="button button--primary thread-news" @click="down">
        <nicegui-glyph name="down" /><span>New messages</span></button>
    </div>`,
  props: { label: String, rows: Array, earlier: Boolean },
  emits: ["earlier", "whole"],
  data: () => ({ busy: false, news: false }),
  watch: {
    rows: {
      flush: "pre",
      handler(now, before) {
        const thread = this.$refs.thread;
        if (!thread) return;
        const height = thread.scrollHeight;
        const atEnd = this.atEnd();
        const grown = now.length && now.at(-1).id !== before.at(-1)?.id;
        const older = now.length && before.length && now[0].id !== before[0].id;
        this.busy = false;
        this.$nextTick(() => {
          if (older) thread.scrollTop += thread.scrollHeight - height;
          else if (atEnd) this.down();
          else if (grown) this.news = true;
        });
      },
    },
    earlier() {
      this.busy = false;
    },
  },
  mounted() {
    this.$nextTick(this.down);
  },
  methods: {
    atEnd() {
      const { scrollHeight, scrollTop, clientHeight } = this.$refs.thread;
      return scrollHeight - scrollTop - clientHeight < 48;
    },
    scrolled() {
      if (this.news && this.atEnd()) this.news = false;
    },
    more() {
      if (this.busy) return;
      this.busy = true;
      this.$emit("earlier");
      // The button may disappear: move the keyboard's focus to the thread.
      this.$refs.thread.focus({ preventScroll: true });
    },
    down() {
      this.news = false;
      this.$refs.thread.scrollTop = this.$refs.thread.scrollHeight;
    },
  },
};
