//! Words of which surrogates are made.

/// Common Chinese surnames.
pub const ZH_SURNAMES: [&str; 40] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林",
    "何", "郭", "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧", "程", "曹",
    "袁", "邓", "许", "傅", "沈", "曾", "彭", "吕",
];

/// Characters of Chinese given names.
pub const ZH_GIVEN: [&str; 64] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明",
    "超", "秀", "霞", "平", "刚", "桂", "英", "华", "玉", "萍", "红", "玲", "建", "文", "斌", "宇",
    "浩", "凯", "健", "俊", "帆", "雪", "倩", "颖", "晨", "欣", "怡", "佳", "琳", "博", "志", "鹏",
    "飞", "梅", "兰", "云", "海", "东", "晓", "春", "冬", "安", "宁", "乐", "思", "雨", "梦", "子",
];

/// English given names.
pub const EN_GIVEN: [&str; 40] = [
    "James", "Mary", "Robert", "Patricia", "John", "Jennifer", "Michael", "Linda", "David",
    "Susan", "Thomas", "Karen", "Daniel", "Nancy", "Mark", "Betty", "Paul", "Helen", "Steven",
    "Sandra", "Andrew", "Donna", "Joshua", "Carol", "Kevin", "Ruth", "Brian", "Sharon", "George",
    "Laura", "Edward", "Sarah", "Peter", "Alice", "Henry", "Emma", "Adam", "Julia", "Simon",
    "Grace",
];

/// English surnames.
pub const EN_SURNAMES: [&str; 40] = [
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Miller", "Davis", "Wilson", "Anderson",
    "Taylor", "Moore", "Jackson", "Martin", "Thompson", "White", "Harris", "Clark", "Lewis",
    "Robinson", "Walker", "Young", "Allen", "King", "Wright", "Scott", "Hill", "Green", "Adams",
    "Baker", "Nelson", "Carter", "Mitchell", "Roberts", "Turner", "Phillips", "Campbell", "Parker",
    "Evans", "Edwards", "Collins",
];

/// German given names.
pub const DE_GIVEN: [&str; 20] = [
    "Anna",
    "Thomas",
    "Maria",
    "Michael",
    "Sabine",
    "Andreas",
    "Julia",
    "Stefan",
    "Petra",
    "Markus",
    "Laura",
    "Christian",
    "Monika",
    "Jan",
    "Lena",
    "Peter",
    "Katrin",
    "Felix",
    "Birgit",
    "Jonas",
];

/// German surnames.
pub const DE_SURNAMES: [&str; 20] = [
    "Müller",
    "Schmidt",
    "Schneider",
    "Fischer",
    "Weber",
    "Meyer",
    "Wagner",
    "Becker",
    "Schulz",
    "Hoffmann",
    "Koch",
    "Bauer",
    "Richter",
    "Klein",
    "Wolf",
    "Schröder",
    "Neumann",
    "Schwarz",
    "Braun",
    "Krüger",
];

/// Districts of Chinese cities.
pub const ZH_PLACES: [&str; 20] = [
    "北京市海淀区",
    "上海市徐汇区",
    "广东省广州市天河区",
    "广东省深圳市福田区",
    "浙江省杭州市西湖区",
    "江苏省南京市玄武区",
    "四川省成都市锦江区",
    "湖北省武汉市武昌区",
    "陕西省西安市雁塔区",
    "山东省青岛市市南区",
    "福建省厦门市思明区",
    "湖南省长沙市岳麓区",
    "河南省郑州市金水区",
    "辽宁省大连市中山区",
    "天津市和平区",
    "重庆市渝中区",
    "安徽省合肥市蜀山区",
    "江西省南昌市东湖区",
    "云南省昆明市五华区",
    "河北省石家庄市长安区",
];

/// Roads that every Chinese city has.
pub const ZH_ROADS: [&str; 16] = [
    "人民路",
    "中山路",
    "解放路",
    "建设路",
    "和平路",
    "文化路",
    "新华路",
    "长江路",
    "黄河路",
    "青年路",
    "光明路",
    "友谊路",
    "胜利街",
    "朝阳街",
    "幸福路",
    "东风路",
];

/// Towns of the English-speaking world.
pub const EN_PLACES: [&str; 16] = [
    "Springfield",
    "Riverside",
    "Franklin",
    "Greenville",
    "Bristol",
    "Clinton",
    "Fairview",
    "Salem",
    "Madison",
    "Georgetown",
    "Arlington",
    "Ashland",
    "Dover",
    "Oxford",
    "Milton",
    "Newport",
];

/// Streets of the English-speaking world.
pub const EN_STREETS: [&str; 12] = [
    "Main Street",
    "Oak Street",
    "Park Avenue",
    "Maple Street",
    "Cedar Lane",
    "Elm Street",
    "Church Road",
    "High Street",
    "Station Road",
    "Mill Lane",
    "Victoria Road",
    "Green Lane",
];

/// Towns of Germany.
pub const DE_PLACES: [&str; 10] = [
    "Neustadt",
    "Altenburg",
    "Bergheim",
    "Rosenheim",
    "Lindau",
    "Freiberg",
    "Steinfeld",
    "Waldkirch",
    "Hofheim",
    "Grünberg",
];

/// What names of companies begin with.
pub const ZH_COMPANIES: [&str; 12] = [
    "华信", "恒通", "远大", "嘉禾", "瑞丰", "金桥", "东方", "宏达", "天成", "安泰", "新元", "盛世",
];

/// What names of companies begin with.
pub const EN_COMPANIES: [&str; 12] = [
    "Northfield",
    "Bluewater",
    "Summit",
    "Oakridge",
    "Redwood",
    "Silverline",
    "Brightway",
    "Stonebridge",
    "Lakeside",
    "Greenfield",
    "Eastgate",
    "Westbrook",
];
