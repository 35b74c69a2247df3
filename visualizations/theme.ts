/**
 * One stylesheet for every chart. Everything is scoped to `.chart`, so that pictures can be inlined into a page;
 * a page marks the states a machine is in with the class `active`, a transition just taken with `taken`, and may force a theme with `data-theme`.
 */
const light = `--page:#fbfcfe;--frame:#f3f5fa;--frame-deep:#e9edf6;--box:#ffffff;--line:#c3cbdb;--name:#18202f;--text:#55607a;--edge:#7d89a3;--halo:#f3f5fa;--runs:#7a3fd1;--enters:#0b7285;--lit:#0f9d63;--lit-fill:#dcf7ea;--lit-text:#08573a;`
const dark = `--page:#0d1219;--frame:#131a24;--frame-deep:#19222f;--box:#212c3c;--line:#3c4a60;--name:#eef2f9;--text:#a3b0c8;--edge:#7686a2;--halo:#131a24;--runs:#b994ff;--enters:#5ccfe0;--lit:#3ddc97;--lit-fill:#123a2b;--lit-text:#c6f7e0;`

export const stylesheet = `
.chart{${light}font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){.chart{${dark}}}
[data-theme=light] .chart{${light}}
[data-theme=dark] .chart{${dark}}
.chart .box{fill:var(--box);stroke:var(--line);stroke-width:1.2}
.chart .frame>.box{fill:var(--frame)}
.chart .frame.odd>.box{fill:var(--frame-deep)}
.chart .region>.box{stroke-dasharray:4 3}
.chart .root>.box{fill:var(--page)}
.chart .inner{fill:none;stroke:var(--line);stroke-width:1.2}
.chart .name{font-size:13px;font-weight:600;fill:var(--name)}
.chart .root>.name{font-size:15px;font-weight:700}
.chart .row,.chart .label text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:var(--text)}
.chart .rule{stroke:var(--line);stroke-width:1}
.chart .icon{fill:none;stroke:var(--text);stroke-width:1.2;stroke-linecap:round;stroke-linejoin:round}
.chart .runs .icon{fill:var(--runs);stroke:var(--runs)}
.chart .runs .row{fill:var(--runs)}
.chart .does .icon{fill:var(--text);stroke:none}
.chart .enters .icon{stroke:var(--enters)}
.chart .enters .row{fill:var(--enters)}
.chart .edge{fill:none;stroke:var(--edge);stroke-width:1.3}
.chart .edge.same:not(.taken){stroke:none}
.chart .edge.taken{stroke:var(--lit);stroke-width:2}
.chart .tip{fill:var(--edge)}
.chart .dot{fill:var(--name)}
.chart .label .guard{fill:var(--text);font-style:italic;opacity:.85}
.chart .label text{fill:var(--name)}
.chart .state .box,.chart .state .name{transition:fill .25s,stroke .25s}
.chart .state.active>.box{stroke:var(--lit);stroke-width:2}
.chart .leaf.active>.box{fill:var(--lit-fill)}
.chart .leaf.active>.name{fill:var(--lit-text)}
`
