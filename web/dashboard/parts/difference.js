// The differences between two versions: a sign, and then a colour.
export default {
  template: `
    <div class="difference" tabindex="0" role="region" :aria-label="label">
      <table>
        <caption class="for-screen-readers">{{ label }}</caption>
        <thead class="for-screen-readers">
          <tr><th scope="col">Line before</th><th scope="col">Line now</th><th scope="col">Sign</th><th scope="col">Text</th></tr>
        </thead>
        <tbody>
          <tr v-for="(line, index) in lines" :key="index" :data-sign="line[0]">
            <td class="difference-number">{{ line[1] }}</td>
            <td class="difference-number">{{ line[2] }}</td>
            <td class="difference-sign">{{ signs[line[0]] }}<span v-if="words[line[0]]" class="for-screen-readers">{{ words[line[0]] }}</span></td>
            <td><code>{{ line[3] }}</code></td>
          </tr>
        </tbody>
      </table>
    </div>`,
  props: { lines: Array, label: String },
  data: () => ({ signs: { "+": "+", "-": "−", " ": "", "@": "…" }, words: { "+": " added", "-": " removed", "@": " lines left out" } }),
};
