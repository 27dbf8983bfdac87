// A page made by an agent, unchecked: in a frame without an origin and without access to anything of ours.
export default {
  template: `
    <div class="stage" :data-width="width">
      <iframe :key="src" class="stage-frame" sandbox="allow-scripts allow-forms allow-modals"
        referrerpolicy="no-referrer" :src="src" :title="title"></iframe>
    </div>`,
  props: { src: String, title: String, width: String },
};
