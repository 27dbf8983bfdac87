// The teams, a row each. The name is the link; the whole row follows it.
export default {
  template: `
    <div class="table-box">
      <table class="table rows teams" role="table" aria-label="Teams">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">Team</th>
            <th role="columnheader" scope="col">State</th>
            <th role="columnheader" scope="col">Phase</th>
            <th role="columnheader" scope="col">Now</th>
            <th role="columnheader" scope="col" class="right">Cycles</th>
            <th role="columnheader" scope="col" class="right">Success, 24 h</th>
            <th role="columnheader" scope="col" class="right">Last activity</th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          <tr v-for="row in rows" :key="row.id" role="row">
            <td role="cell" class="rows-link teams-name"><a :href="'/teams/' + row.id" :title="row.name">{{ row.name }}</a></td>
            <td role="cell" class="teams-state">
              <span class="badge" :data-tone="row.state.tone">
                <nicegui-glyph :name="row.state.icon" /><span>{{ row.state.word }}</span>
              </span>
            </td>
            <td role="cell" class="teams-phase">{{ row.phase }}</td>
            <td role="cell" class="teams-now" :title="row.doing">
              <span v-if="row.active" class="pulse" aria-hidden="true"></span>
              <span class="one-line">{{ row.doing }}
                <nicegui-moment v-if="row.until" :at="row.until" how="in" /></span>
            </td>
            <td role="cell" class="teams-cycles right"><span class="teams-label">Cycles </span>{{ row.cycles }}</td>
            <td role="cell" class="teams-success right" :data-poor="row.poor">
              <span class="teams-label">Success </span>{{ row.success }}
              <span v-if="row.poor" class="for-screen-readers">, low</span>
            </td>
            <td role="cell" class="teams-last right"><nicegui-moment :at="row.last" how="ago" otherwise="never" /></td>
          </tr>
        </tbody>
      </table>
    </div>`,
  props: { rows: Array },
};
