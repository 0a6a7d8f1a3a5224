"""The pages on which a person sees what a sandbox holds: one file, nothing from elsewhere, live."""

from __future__ import annotations

_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#66707f;--line:#e2e6ec;--mark:#3b6fd4}
@media(prefers-color-scheme:dark){:root{--bg:#12161d;--card:#1b212b;--ink:#e6eaf0;--soft:#93a0b3;--line:#2b3340;--mark:#7aa5ff}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.45 system-ui,sans-serif}
header{display:flex;gap:24px;align-items:center;flex-wrap:wrap;padding:18px 28px;background:var(--card);border-bottom:1px solid var(--line)}
h1{font-size:20px;margin:0}header p{margin:0;color:var(--soft);flex:1;min-width:200px}
input{font:inherit;padding:8px 12px;border:1px solid var(--line);border-radius:8px;background:var(--bg);color:var(--ink);width:260px}
main{padding:22px 28px;display:grid;gap:22px;grid-template-columns:repeat(12,1fr)}
.counts{grid-column:1/-1;display:flex;gap:14px;flex-wrap:wrap}
.count{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 20px;min-width:120px}
.count b{display:block;font-size:24px}.count span{color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden;grid-column:span 12}
section.half{grid-column:span 6}@media(max-width:1000px){section.half{grid-column:span 12}}
h2{font-size:14px;margin:0;padding:12px 16px;border-bottom:1px solid var(--line)}
.scroll{max-height:420px;overflow:auto}table{border-collapse:collapse;width:100%}
th{position:sticky;top:0;background:var(--card);text-align:left;color:var(--soft);font-weight:500;z-index:1}
th,td{padding:7px 16px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:break-word}
td.id{overflow-wrap:anywhere;font:12px ui-monospace,monospace;color:var(--soft)}tr:last-child td{border-bottom:0}
"""

_SCRIPT = """
const columns={
 close:{leads:['Leads',false,[['Name',l=>l.name],['Web address',l=>l.url],['Status',l=>l.status_label],['Contacts',l=>l.contacts.map(c=>c.display_name).join(', ')],['Updated',l=>time(l.date_updated)],['Id',l=>l.id,'id']]],
  events:['Last events',true,[['When',e=>time(e.date_updated+'Z')],['What',e=>e.object_type+' '+e.action],['By',e=>e.api_key_id?'API key':'a person'],['Fields',e=>e.changed_fields.join(', ')]]],
  requests:['Last requests',true,[['Method',r=>r.method],['Path',r=>r.path],['Answer',r=>r.status]]]},
 hull:{accounts:['Accounts',false,[['Name',a=>a.name],['Domain',a=>a.domain],['Segments',a=>names(a.segment_ids)],['Lead in Close',a=>a['closeio/id'],'id'],['Status in Close',a=>a['closeio/status']],['Id',a=>a.id,'id']]],
  users:['Users',false,[['Name',u=>u.name],['E-mail',u=>u.email],['Account',u=>(data.accounts[u.account_id]||{}).name],['Contact in Close',u=>u['traits_closeio/id'],'id'],['Id',u=>u.id,'id']]],
  firehose:['Last messages from the connector',true,[['When',m=>time(m.at)],['For',m=>Object.values(m.claims).join(', ')],['Attributes',m=>Object.entries(m.attributes).map(([k,v])=>k+' = '+text(v)).join('; ')]]],
  log:['What Hull dropped or merged',true,[['When',l=>time(l.at)],['What',l=>l.message],['Why',l=>l.reason||text(l)]]]}
}[kind];
let data={};const text=v=>v===null||v===undefined?'':typeof v==='object'?JSON.stringify(v):String(v);
const time=v=>v?new Date(v).toLocaleTimeString():'';
const names=ids=>(ids||[]).map(id=>(data.segments.find(s=>s.id===id)||{}).name||id).join(', ');
const make=(tag,parent,content)=>{const e=document.createElement(tag);if(content!==undefined)e.textContent=text(content);parent.append(e);return e};
const main=document.querySelector('main'),search=document.querySelector('input'),counts=make('div',main);counts.className='counts';
const bodies={};for(const[name,[title,half,cols]]of Object.entries(columns)){const s=make('section',main);if(half)s.className='half';make('h2',s,title);
 const scroll=make('div',s);scroll.className='scroll';const table=make('table',scroll),row=make('tr',make('thead',table));cols.forEach(c=>make('th',row,c[0]));bodies[name]=make('tbody',table)}
function draw(){const wanted=search.value.toLowerCase();counts.replaceChildren();
 for(const[name,[title,half,cols]]of Object.entries(columns)){const rows=Object.values(data[name]||{});
  if(!half){const c=make('div',counts);c.className='count';make('b',c,rows.length);make('span',c,title.toLowerCase())}
  const shown=rows.map(r=>cols.map(c=>text(c[1](r)))).filter(r=>r.join(' ').toLowerCase().includes(wanted)).slice(0,200);
  bodies[name].replaceChildren();shown.forEach(r=>{const tr=make('tr',bodies[name]);r.forEach((v,i)=>{make('td',tr,v).className=cols[i][2]||''})})}
 if(kind==='hull'){const c=make('div',counts);c.className='count';make('b',c,data.pending);make('span',c,'still to be told')}}
async function load(){try{data=await(await fetch('/_sandbox/data')).json();draw()}catch(e){}}
search.addEventListener('input',draw);load();setInterval(load,3000);
"""

_WORDS = {
    "close": "A simulated Close, with what sales sees. It forgets everything when it is stopped, unless it keeps a state file.",
    "hull": "A simulated Hull, with what marketing sees. It tells the connector of every change here.",
}


def page(title: str, kind: str) -> str:
    """Return the page of one remote; `kind` is `close` or `hull`. Every value is written as text, never as markup."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} sandbox</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<header><h1>{title} sandbox</h1><p>{_WORDS[kind]}</p><input type="search" placeholder="Search" aria-label="Search">'
        f'</header><main></main><script>const kind="{kind}";{_SCRIPT}</script></body></html>'
    )
