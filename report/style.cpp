#include "report/style.h"

namespace sluice::report {

constinit const std::string_view kStyleSheet = R"(
:root { color-scheme: light dark; --ground: #f3f6fa; --card: #fff; --ink: #14263a; --soft: #55697e;
  --line: #d4deea; --accent: #0b66a3; --code: #eaf1f8; --client: #0b66a3; --server: #a04a00;
  --lesson: #0b66a3; --note: #55697e; --warning: #8a5a00; --problem: #b3261e; --good: #1e7a34;
  --bad: #b3261e; --c1: #0b66a3; --c2: #c2410c; --c3: #1e7a34; --c4: #7b2d91; }
@media (prefers-color-scheme: dark) { :root { --ground: #0b1521; --card: #111f2f; --ink: #e4edf6;
  --soft: #9db1c6; --line: #26394d; --accent: #6cc4f2; --code: #0b1826; --client: #6cc4f2;
  --server: #f0a35e; --lesson: #6cc4f2; --note: #9db1c6; --warning: #f0c05e; --problem: #ff8a80;
  --good: #69db7c; --bad: #ff8a80; --c1: #6cc4f2; --c2: #f0a35e; --c3: #69db7c; --c4: #da9dff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.7 system-ui,
  "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.3; margin: .5rem 0 1.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.08rem; margin: 1.75rem 0 .5rem; }
p { margin: .6rem 0; }
a { color: var(--accent); }
.small { color: var(--soft); font-size: .88rem; line-height: 1.5; overflow-wrap: anywhere; }
code, pre, .mono { font-family: ui-monospace, Consolas, "DejaVu Sans Mono", "WenQuanYi Micro Hei Mono", monospace; }
code { background: var(--code); padding: .05em .3em; border-radius: .25em; font-size: .9em; overflow-wrap: anywhere; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem;
  overflow-x: auto; font-size: .82rem; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; background: var(--card); font-size: .88rem; line-height: 1.5; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; overflow-wrap: break-word; }
th { background: var(--code); font-weight: 600; white-space: nowrap; }
td:first-child { white-space: nowrap; } td:has(code) { min-width: 11rem; }
td { font-variant-numeric: tabular-nums; }
.figures th, .figures td { padding: .3rem .45rem; text-align: right; white-space: nowrap; }
.figures .words { text-align: left; } .figures .long { text-align: left; white-space: normal; min-width: 10rem; color: var(--soft); }
.figures th:first-child, .figures td:first-child { position: sticky; left: 0; text-align: left; }
.figures td:first-child { background: var(--card); }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; } .soft { color: var(--soft); }
figure { margin: 1rem 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figure.page { padding: 0; overflow: hidden; } figure.page figcaption { padding: 0 1rem .6rem; }
iframe { display: block; width: 100%; height: 30rem; border: 0; background: #fff; }
figcaption { color: var(--soft); font-size: .85rem; margin-top: .6rem; }
.profile { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: center; background: var(--card);
  border: 1px solid var(--line); border-radius: .8rem; padding: 1.25rem 1.5rem; }
.profile img { width: 10rem; height: 10rem; object-fit: cover; border-radius: .6rem; }
.profile dl { display: grid; grid-template-columns: max-content 1fr; margin: 0; gap: .3rem 1.5rem; font-size: 1.1rem; }
.profile dt { color: var(--soft); } .profile dd { margin: 0; font-weight: 600; }
.remark { border-left: 4px solid var(--note); background: var(--card); padding: .5rem .9rem; margin: .6rem 0; border-radius: 0 .4rem .4rem 0; }
.lesson { border-color: var(--lesson); } .warning { border-color: var(--warning); } .problem { border-color: var(--problem); }
.verdict { border-left: 5px solid var(--good); background: var(--card); padding: .7rem 1rem; margin: 1rem 0; border-radius: 0 .4rem .4rem 0; }
.verdict.no { border-color: var(--bad); } .verdict > b { font-size: 1.1rem; }
.verdict dl { display: grid; grid-template-columns: auto auto 1fr; gap: .1rem .9rem; margin: .5rem 0 0; font-size: .88rem; }
.verdict dt, .verdict dd { margin: 0; }
.tiles { display: flex; flex-wrap: wrap; gap: .9rem; margin: 1rem 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .6rem 1rem; min-width: 8rem; font-size: .88rem; }
.tiles b { display: block; font-size: 1.4rem; line-height: 1.4; }
.mid { text-anchor: middle; } .end { text-anchor: end; }
.plot { width: 100%; min-width: 38rem; } .plot text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.plot text.axis { fill: var(--ink); } .plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .line { fill: none; stroke-width: 2; } .plot .thin { stroke-width: 1.5; }
.plot .c1 { stroke: var(--c1); } .plot .c2 { stroke: var(--c2); } .plot .c3 { stroke: var(--c3); } .plot .c4 { stroke: var(--c4); }
.plot .box { fill: var(--c1); opacity: .45; } .plot .dot { fill: var(--c1); }
.plot .one { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 4 3; }
.seq text, .fall text { font: 11.5px ui-monospace, Consolas, monospace; fill: var(--ink); }
.seq text.soft { fill: var(--soft); font-size: 10.5px; } .seq text.strong { font-weight: 700; }
.seq text.state { fill: var(--accent); font-size: 10.5px; } .seq line { stroke-width: 1.4; }
.seq line.client { stroke: var(--client); } .seq line.server { stroke: var(--server); }
.seq text.client, .head.client { fill: var(--client); } .seq text.server, .head.server { fill: var(--server); }
.seq .life { stroke: var(--line); stroke-width: 2; } .seq .cut { fill: none; stroke: var(--soft); stroke-width: 1.5; }
.fall .open { fill: var(--line); } .fall .handshake { fill: #7a5cc4; } .fall .server { fill: #d07a1e; }
.fall .transfer { fill: #2f8f5b; } .fall .close { fill: #c0453b; }
@media print { :root { color-scheme: light; --ground: #fff; --card: #fff; --ink: #000; --soft: #333; --line: #999;
  --accent: #000; --code: #f2f2f2; --client: #004a80; --server: #803a00; --lesson: #004a80;
  --note: #333; --warning: #604000; --problem: #900; --good: #14521f; --bad: #900; --c1: #004a80;
  --c2: #803a00; --c3: #14521f; --c4: #521a61; font-size: 10pt; }
  @page { margin: 15mm; } main { max-width: none; padding: 0; } .scroll, figure { overflow: visible; }
  .figures table { font-size: 7.5pt; } .figures th, .figures td { padding: .2rem .25rem; } .plot { min-width: 0; }
  figure, tr, ul, .short, .remark, .verdict, .profile { break-inside: avoid; } h2, h3, h3 + p { break-after: avoid; }
  iframe { width: 143%; height: 46rem; transform: scale(.7); transform-origin: 0 0; margin-bottom: -13.8rem; } }
)";

}  // namespace sluice::report
