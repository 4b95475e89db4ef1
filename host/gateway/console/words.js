// What the console says, in English and in Chinese, and how it writes numbers and times.

const LANGUAGE = 'steward-language';

const WORDS = {
  'console': ['Console', '控制台'],
  'lead': ['Sandboxed WebAssembly plugins beside native model inference.', '沙箱中的 WebAssembly 插件，与原生模型推理并肩运行。'],
  'skip': ['Skip to the content', '跳到正文'],
  'main-menu': ['Main menu', '主菜单'],
  'loading': ['Loading…', '加载中…'],
  'nothing': ['Nothing here yet.', '暂无内容。'],
  'failed': ['It did not work', '操作未成功'],
  'next': ['Next:', '下一步：'],
  'cancel': ['Cancel', '取消'],
  'refresh': ['Refresh', '刷新'],
  'unknown-page': ['There is no such page', '没有这个页面'],
  'unreachable': ['The host does not answer', '主机没有应答'],
  'unreachable-detail': ['No answer came from this host. Is it running, and is the network there?', '没有收到主机的应答。请确认主机在运行、网络可用。'],
  'not-json': ['The answer is not what was expected', '应答的内容不符合预期'],
  'bad-path': ['The path leads out of the function', '路径超出了该函数'],
  'try-again': ['try again in {seconds} s', '{seconds} 秒后再试'],
  'not-a-key': ['This is not a key', '这不是密钥'],
  'not-a-key-detail': ['A key is one word of letters, digits and signs, as `steward key create` shows it.', '密钥是一串由字母、数字和符号组成的字符，由 `steward key create` 显示。'],

  'sign-in': ['Sign in', '登录'],
  'sign-out': ['Sign out', '退出登录'],
  'key': ['API key', 'API 密钥'],
  'key-hint': ['The first key was shown when the host started; `steward key create` makes more. It stays in this tab alone and is gone when the tab is closed.',
    '首个密钥在主机启动时显示；`steward key create` 可再创建。密钥只保存在此标签页中，关闭后即消失。'],
  'without-key': ['Without a key', '无需密钥'],
  'interface': ['Description of the interface', '接口说明'],
  'metrics': ['Metrics', '指标'],
  'health': ['Health', '健康状况'],
  'tenant': ['Tenant', '租户'],
  'role-platform': ['platform', '平台管理员'],
  'role-operator': ['operator', '管理员'],
  'role-publisher': ['publisher', '发布者'],
  'role-invoker': ['invoker', '调用者'],
  'role-viewer': ['viewer', '查看者'],

  'functions': ['Functions', '函数'],
  'functions-lead': ['What is deployed, and how it does on this host.', '已部署的函数及其在本机上的表现。'],
  'function': ['Function', '函数'],
  'filter': ['Filter by name', '按名称筛选'],
  'more': ['Show more', '显示更多'],
  'no-functions': ['No function is deployed yet. Open a plugin and deploy it.', '尚未部署函数。请打开一个插件并部署。'],
  'plugin': ['Plugin', '插件'],
  'split': ['Versions and their shares', '版本与流量份额'],
  'calls': ['Calls', '调用数'],
  'errors': ['Failed', '失败'],
  'median': ['Median', '中位数'],
  'p95': ['p95', 'p95'],
  'p99': ['p99', 'p99'],
  'computed': ['Computed', '计算时间'],
  'memory': ['Memory', '内存'],
  'texts': ['Texts to models', '送入模型的文本'],
  'state': ['State', '状态'],
  'idle': ['no calls yet', '尚无调用'],
  'healthy': ['healthy', '健康'],
  'some-errors': ['some calls fail', '部分调用失败'],
  'failing': ['failing', '频繁失败'],
  'unknown': ['unknown', '未知'],
  'on-trial': ['on trial', '试用中'],
  'since-start': ['Figures of this host, since it started.', '本机自启动以来的数据。'],
  'share': ['Share', '份额'],
  'route': ['Route', '路由'],
  'revision': ['Revision', '修订'],
  'trial': ['Version on trial', '试用版本'],
  'verdict-keep': ['may stay', '可以保留'],
  'verdict-undecided': ['undecided', '尚无结论'],
  'verdict-roll-back': ['will be rolled back', '将被回退'],
  'needs': ['{calls} more calls until there is a verdict', '还需 {calls} 次调用才有结论'],
  'rolled-back': ['The host rolled back by itself', '主机已自动回退'],
  'promote': ['Promote', '转为正式'],
  'promote-title': ['Promote {version}?', '将 {version} 转为正式版本？'],
  'promote-body': ['All calls will meet {version} from now on, in a new revision.', '此后所有调用都由 {version} 应答，并写入新的修订。'],
  'roll-back': ['Roll back', '回退'],
  'roll-back-title': ['Roll back to revision {revision}?', '回退到修订 {revision}？'],
  'roll-back-body': ['A new revision will deploy what revision {revision} did.', '新的修订将部署修订 {revision} 的内容。'],
  'granted': ['What it may do', '它可以做什么'],
  'granted-nothing': ['It was granted nothing: it sees its input, its configuration and its log.', '未授予任何权限：它只接触自己的输入、配置和日志。'],
  'call': ['Call it', '调用'],
  'call-lead': ['The answer comes from the function as it is deployed now.', '由当前部署的函数应答。'],
  'method': ['Method', '方法'],
  'path': ['Path behind the function', '函数之后的路径'],
  'body': ['Body, JSON', '请求体（JSON）'],
  'send': ['Send', '发送'],
  'bad-json': ['The body is not JSON', '请求体不是 JSON'],
  'answer': ['Answer', '应答'],
  'answer-cut': ['Only the beginning is shown.', '仅显示开头部分。'],
  'answer-redirect': ['The function answers with a redirect, which is not followed.', '函数的应答是重定向，控制台不会跟随。'],
  'answer-empty': ['An empty body.', '应答体为空。'],
  'call-id': ['Call', '调用'],
  'last-calls': ['Last calls', '最近的调用'],
  'which-calls': ['Which calls', '显示哪些'],
  'all-calls': ['all', '全部'],
  'failed-calls': ['failed', '失败的'],
  'outcome': ['Outcome', '结果'],
  'time': ['Time', '时间'],
  'took': ['Took', '用时'],
  'log': ['Log', '日志'],
  'no-log': ['It wrote nothing.', '没有写入日志。'],
  'input': ['Input', '输入'],
  'history': ['Revisions', '修订历史'],
  'reason': ['Reason', '原因'],
  'by': ['By', '操作者'],
  'now': ['now', '当前'],
  'call-a-function': ['Call a function', '调用函数'],
  'call-only': ['This key may call functions and read nothing else.', '此密钥可以调用函数，但不能读取其他内容。'],
  'name': ['Name', '名称'],

  'plugins': ['Plugins', '插件'],
  'plugins-lead': ['What was published, and what each can do.', '已发布的插件及其能力。'],
  'no-plugins': ['No plugin is published yet: `steward plugin publish`.', '尚未发布插件：`steward plugin publish`。'],
  'world': ['Kind', '类型'],
  'version': ['Version', '版本'],
  'versions': ['Versions', '版本'],
  'description': ['Description', '说明'],
  'size': ['Size', '大小'],
  'published': ['Published', '发布时间'],
  'can': ['What it can do, where it is granted', '获得授权后，它可以'],
  'can-nothing': ['It asks for nothing: it sees its input, its configuration and its log.', '它不要求任何权限：只接触自己的输入、配置和日志。'],
  'new': ['new', '新增'],
  'changes': ['Against {version}', '与 {version} 相比'],
  'changes-none': ['It asks for the same.', '所要求的权限相同。'],
  'changes-added': ['It asks for more:', '它要求更多：'],
  'changes-removed': ['It no longer asks to:', '它不再要求：'],
  'first-version': ['There is no version before it.', '这是第一个版本。'],
  'cannot': ['What it cannot do', '它不能做什么'],
  'never': ['never, whatever is granted', '无论授予什么，都不能'],
  'not-asked': ['it does not ask for it', '它没有要求'],
  'digest': ['Digest', '摘要'],
  'license': ['Licence', '许可证'],
  'origin': ['Installed from', '安装自'],
  'aliases': ['Aliases', '别名'],
  'supply': ['Where it comes from', '来源'],
  'signatures': ['Signatures', '签名'],
  'unsigned': ['not signed', '未签名'],
  'trusted-as': ['trusted as {name}', '受信任：{name}'],
  'not-trusted': ['not trusted by this tenant', '本租户不信任'],
  'broken': ['the signature does not hold', '签名无效'],
  'sbom': ['Bill of materials', '软件物料清单'],
  'provenance': ['Provenance', '构建来源'],
  'toolchain': ['Toolchain', '工具链'],
  'none': ['none', '无'],
  'deploy': ['Deploy', '部署'],
  'deploy-lead': ['Where this version asks for more than its function has, you see what is new and decide before anything changes.',
    '如果此版本要求的权限多于函数现有的权限，将先列出新增内容，由您决定后才会生效。'],
  'deploy-to': ['Function', '函数'],
  'new-function': ['a new function', '新函数'],
  'new-name': ['Name of the new function', '新函数的名称'],
  'which-share': ['Calls that meet it', '由它应答的调用'],
  'every-call': ['all', '全部'],
  'trial-share': ['{percent} %, on trial', '{percent}%，试用'],
  'trial-not-now': ['It cannot go on trial there', '无法在此试用'],
  'trial-not-now-detail': ['The function answers with this version already, or no version of it has that share to give.', '该函数已由此版本应答，或没有可以让出的份额。'],
  'config': ['Configuration', '配置'],
  'config-default': ['default: {value}', '默认值：{value}'],
  'why': ['Why, in a sentence', '一句话说明原因'],
  'deployed': ['{name} is deployed, revision {revision}.', '{name} 已部署，修订 {revision}。'],
  'see-function': ['See the function', '查看函数'],
  'not-deployed': ['Nothing was deployed.', '未部署任何内容。'],
  'consent-title': ['{name} will be able to do more', '{name} 将获得更多权限'],
  'consent-lead': ['This is new. Until you allow it, everything stays as it is.', '以下为新增权限。在您允许之前，一切保持不变。'],
  'consent-agree': ['I have read this and allow it', '我已阅读并允许'],
  'consent-yes': ['Allow and deploy', '允许并部署'],

  'models': ['Models', '模型'],
  'models-lead': ['Registered models, each with its highest version.', '已注册的模型及其最高版本。'],
  'task': ['Task', '任务'],
  'variants': ['Variants', '变体'],
  'deployment': ['Deployment', '部署'],
  'not-deployed-model': ['No version is deployed.', '尚未部署任何版本。'],
  'stable': ['Stable', '稳定版'],
  'candidate': ['Candidate', '候选版'],
  'shadow': ['Shadow', '影子'],
  'datasets': ['Datasets', '数据集'],
  'datasets-lead': ['Snapshots of rows, each with where it comes from.', '数据行的快照及其来源。'],
  'dataset': ['Dataset', '数据集'],
  'snapshot': ['Snapshot', '快照'],
  'rows': ['Rows', '行数'],
  'lineage': ['Lineage', '来源'],
  'uploaded': ['uploaded', '上传'],
  'triggers': ['Triggers', '触发器'],
  'triggers-lead': ['What makes functions run without a call.', '无需调用即可让函数运行的条件。'],
  'kind': ['Kind', '类型'],
  'on': ['On', '条件'],
  'delivered': ['Delivered', '已送达'],
  'waiting': ['Waiting', '等待中'],
  'dead': ['Dead', '死信'],
  'dead-letters': ['Dead letters', '死信'],
  'dead-lead': ['Events that could not be delivered; `steward trigger redrive` brings them back.', '无法送达的事件；`steward trigger redrive` 可重新投递。'],
  'no-dead': ['None: everything was delivered or waits.', '没有死信：事件均已送达或在等待。'],
  'event': ['Event', '事件'],
  'attempts': ['Tries', '尝试次数'],
  'error': ['Error', '错误'],
  'off': ['off', '已停用'],
  'enabled': ['on', '已启用'],
  'next-at': ['Next', '下一次'],
  'usage': ['Usage', '用量'],
  'usage-lead': ['What the tenant used in the last 30 days, and what it may use.', '租户最近 30 天的用量与配额。'],
  'quotas': ['Quotas', '配额'],
  'quota-storage-bytes': ['Stored', '存储'],
  'quota-functions': ['Functions', '函数'],
  'quota-plugins': ['Versions of plugins', '插件版本'],
  'quota-keys': ['Keys', '密钥'],
  'quota-invocations-per-day': ['Calls today', '今日调用'],
  'quota-invocations-per-month': ['Calls this month', '本月调用'],
  'quota-wall-seconds-per-month': ['Seconds taken this month', '本月用时（秒）'],
  'quota-cpu-seconds-per-month': ['Seconds computed this month', '本月计算时间（秒）'],
  'quota-inference-texts-per-month': ['Texts to models this month', '本月送入模型的文本'],
  'quota-inference-tokens-per-month': ['Tokens computed this month', '本月模型计算的词元'],
  'of': ['of {limit}', '/ {limit}'],
  'no-limit': ['no limit', '不限'],
  'by-day': ['Calls by day', '每日调用'],
  'by-function': ['By function', '按函数'],
  'received': ['Received', '接收'],
  'sent': ['Sent', '发送'],
  'audit': ['Audit log', '审计日志'],
  'audit-lead': ['Who changed what, and who was refused; each entry holds the hash of the one before.', '谁更改了什么、谁被拒绝；每条记录都含有前一条的哈希。'],
  'number': ['Number', '序号'],
  'who': ['Who', '谁'],
  'what': ['What', '操作'],
  'done': ['done', '完成'],
  'older': ['Older', '更早'],
  'newest': ['Newest', '最新'],
};

let current = stored() ?? (navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag))?.toLowerCase().startsWith('zh') ? 'zh' : 'en');

function stored() {
  const kept = localStorage.getItem(LANGUAGE);
  return kept === 'zh' || kept === 'en' ? kept : null;
}

export const language = () => current;

export function setLanguage(language) {
  current = language;
  localStorage.setItem(LANGUAGE, language);
}

/** The text of this name in the language that is chosen, with `{places}` filled in. */
export function t(name, places = {}) {
  const [en, zh] = known(name) ? WORDS[name] : [name, name];
  return (current === 'zh' ? zh : en).replace(/\{(\w+)\}/g, (whole, place) => String(places[place] ?? whole));
}

/** Whether there is a text of this name; the name may be any part of an address. */
export const known = (name) => Object.hasOwn(WORDS, name);

/** What the API says in both languages. */
export const said = (words) => words[current] ?? words.en;

export const number = (n, options) => new Intl.NumberFormat(current, options).format(n);

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, n > 0 ? Math.floor(Math.log2(n) / 10) : 0);
  return `${number(n / 1024 ** power, { maximumSignificantDigits: 3 })} ${units[power]}`;
}

/** Microseconds, as people say them. */
export function duration(us) {
  const [n, unit] = us < 1000 ? [us, 'µs'] : us < 1e6 ? [us / 1e3, 'ms'] : [us / 1e6, 's'];
  return `${number(n, { maximumSignificantDigits: 3 })} ${unit}`;
}

/** A moment, given as RFC 3339. */
export function moment(at) {
  const element = document.createElement('time');
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  element.dateTime = date.toISOString();
  element.textContent = new Intl.DateTimeFormat(current, { dateStyle: 'medium', timeStyle: 'medium' }).format(date);
  return element;
}
