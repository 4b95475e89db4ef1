//! Words that announce names.

use crate::bloom::CharSet;

/// Labels behind which a name follows, whatever comes after it.
pub const STRONG: [&str; 5] = ["姓名", "名字", "我叫", "名叫", "叫做"];

/// Labels that also stand before other words: a name follows where nothing comes after it.
pub const LABELS: [&str; 49] = [
    "联系人",
    "聯絡人",
    "联络人",
    "收件人",
    "收货人",
    "寄件人",
    "发件人",
    "客户",
    "用户",
    "患者",
    "病人",
    "家属",
    "负责人",
    "经办人",
    "申请人",
    "持卡人",
    "户名",
    "法人",
    "法定代表人",
    "代表人",
    "被告人",
    "被告",
    "原告",
    "委托人",
    "受托人",
    "证人",
    "被害人",
    "申请执行人",
    "被执行人",
    "审判长",
    "审判员",
    "书记员",
    "投保人",
    "被保险人",
    "受益人",
    "监护人",
    "候选人",
    "报名人",
    "预订人",
    "入住人",
    "乘客",
    "学生",
    "家长",
    "员工",
    "同事",
    "签收人",
    "代理人",
    "机主",
    "车主",
];

/// Titles of persons, which follow a name.
pub const TITLES: [&str; 20] = [
    "先生",
    "女士",
    "小姐",
    "同学",
    "老师",
    "教授",
    "医生",
    "大夫",
    "律师",
    "师傅",
    "同志",
    "法官",
    "警官",
    "阿姨",
    "叔叔",
    "太太",
    "夫人",
    "博士",
    "工程师",
    "院士",
];

/// Titles of offices, which follow a name or the name of the office.
pub const OFFICES: [&str; 12] = [
    "经理",
    "總經理",
    "总监",
    "主任",
    "校长",
    "院长",
    "局长",
    "书记",
    "部长",
    "主席",
    "总统",
    "总理",
];

/// What names of offices end with, and no given name before its title.
pub static OF_OFFICES: CharSet =
    CharSet::of("部局委会院处科室厂司团区市县省国州港组所队政总副社党群校间主理代办工馆站台");

/// Words that no name holds.
pub static NOT_IN_NAMES: CharSet = CharSet::of(
    "的了是在和与及我你您他她它们这那哪有没不也都就很吗呢吧啊从到给被把让请对为说着过上下多老各全",
);

/// What a third character behind a label is more often than a part of a name.
pub static AFTER_NAMES: CharSet = CharSet::of(
    "手电微邮身住家今昨明先女男籍年月日来去想要于因以其称认曾现任兼即地得等问答表打再已将会能可同向跟",
);
