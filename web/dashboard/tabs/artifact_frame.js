// A page that an agent made, which nobody has checked: in a frame without an origin, which reaches nothing of ours.
export default {
  template: `
    <div class="stage" :data-width="width">
      <iframe :key="src" class="stage-frame" sandbox="allow-scripts allow-forms allow-modals"
        referrerpolicy="no-referrer" :src="src" :title="title"></iframe>
    </div>`,
  props: { src: String, title: String, width: String },
};
