use super::*;

fn linked(spec: &str, table: &str, other: Option<&str>) -> Result<Linked, DuplicatesError> {
    let spec: Spec = serde_json::from_str(spec).unwrap();
    let mut other = other.map(str::as_bytes);
    let other = other.as_mut().map(|other| other as &mut dyn Read);
    link(&spec, &mut table.as_bytes(), other, &Limits::default())
}

const SPEC: &str = r#"{
    "id": "id",
    "blocking": [["city", {"column": "name", "first": 1}], ["phone"]],
    "comparisons": [
        {"column": "name", "compare": "jaro-winkler", "ignore": ["有限公司", "Ltd"]},
        {"column": "phone", "compare": "exact"},
        {"column": "born", "compare": "date"},
        {"column": "amount", "compare": "percent"}
    ]
}"#;

/// People and companies, every fifth of them a second time with what clerks do to them. The same person has the same
/// number before the dash.
fn people(rows: usize) -> String {
    let mut seed = 11u64;
    let mut below = |n: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let family = [
        "王", "李", "张", "刘", "陈", "杨", "Smith", "Miller", "Garcia", "Novak",
    ];
    let given = [
        "芳", "娜", "伟", "洋", "静", "小龙", "建国", "Anna", "Peter", "Maria", "Jakob",
    ];
    let (cities, firms) = (
        ["上海", "北京", "Berlin", "Paris", "深圳"],
        ["科技有限公司", "贸易", " Ltd"],
    );
    let mut table = "id,name,city,phone,born,amount\n".to_owned();
    for n in 0..rows {
        let firm = if below(4) == 0 {
            firms[below(3) as usize]
        } else {
            ""
        };
        let name = format!(
            "{}{}{}{firm}",
            family[below(10) as usize],
            given[below(11) as usize],
            given[below(11) as usize]
        );
        let city = cities[below(5) as usize];
        let phone = format!("1{:010}", below(9_000_000_000));
        let (year, month, day) = (1950 + below(55), 1 + below(12), 1 + below(28));
        let amount = 100 + below(100_000);
        table += &format!("{n}-a,{name},{city},{phone},{year}-{month:02}-{day:02},{amount}\n");
        if n % 5 == 0 {
            let name = match below(3) {
                0 => name.replace("有限公司", ""),
                1 => format!("{name}x"),
                _ => name.to_uppercase(),
            };
            let phone = if below(4) == 0 { String::new() } else { phone };
            let amount = amount + below(2);
            table += &format!("{n}-b,{name},{city},{phone},{year}年{month}月{day}日,{amount}\n");
        }
    }
    table
}

#[test]
fn the_same_people_and_companies_are_found_and_no_others() {
    let table = people(3000);
    let linked = linked(SPEC, &table, None).unwrap();
    let names: Vec<&str> = table
        .lines()
        .skip(1)
        .map(|line| line.split('-').next().unwrap())
        .collect();
    let right = |link: &&Link| names[link.left as usize] == names[link.right as usize];
    let right = linked.links.iter().filter(right).count();
    let (found, there) = (linked.links.len(), 600);
    assert!(
        right as f64 >= 0.97 * f64::from(there),
        "{right} of {there}"
    );
    assert!(right as f64 >= 0.97 * found as f64, "{right} of {found}");
    let report = &linked.report;
    assert_eq!((report.rows[0], report.links), (3600, found));
    let prior = f64::from(there) / (3600.0 * 3599.0 / 2.0);
    assert!(
        (0.8..1.25).contains(&(report.prior / prior)),
        "{}",
        report.prior
    );
    for comparison in &report.comparisons {
        assert!(
            comparison.learned && comparison.levels[0].weight > 2.0,
            "{comparison:?}"
        );
        assert!(
            comparison.levels.last().unwrap().weight < 0.0,
            "{comparison:?}"
        );
    }
    // How often a telephone number is missing was known.
    assert!(report.comparisons[1].empty > 100 && report.comparisons[1].unreadable == 0);
    let mut csv = Vec::new();
    linked.write_clusters(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    assert!(
        csv.starts_with("cluster,id,name,city,") && csv.contains("\n0-a,0-b,"),
        "{}",
        &csv[..200]
    );
}

#[test]
fn two_tables_are_linked_one_to_one() {
    let table = people(1000);
    let (header, rows) = table.split_once('\n').unwrap();
    let side = |mark: &str| {
        let rows: Vec<&str> = rows
            .lines()
            .filter(|row| row.split(',').next().unwrap().ends_with(mark))
            .collect();
        format!("{header}\n{}\n", rows.join("\n"))
    };
    let spec = SPEC.replace("\"id\": \"id\"", "\"id\": \"id\", \"one_to_one\": true");
    let linked = linked(&spec, &side("-a"), Some(&side("-b"))).unwrap();
    let mut csv = Vec::new();
    linked.write_links(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let pairs: Vec<(&str, &str)> = csv
        .lines()
        .skip(1)
        .map(|line| {
            let mut cells = line.split(',');
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    let right = pairs
        .iter()
        .filter(|(a, b)| a.trim_end_matches("-a") == b.trim_end_matches("-b"))
        .count();
    assert!(
        right >= 194 && right as f64 >= 0.97 * pairs.len() as f64,
        "{right} of {}",
        pairs.len()
    );
    let mut csv = Vec::new();
    linked.write_clusters(&mut csv).unwrap();
    assert!(
        String::from_utf8(csv)
            .unwrap()
            .starts_with("cluster,table,row\n0-a,left,0-a\n")
    );
}

#[test]
fn what_cannot_be_linked_is_refused_by_name() {
    let table = "name,city\n王芳,上海\n王芳,上海\n";
    let refused = |spec: &str, table: &str, what: &str| {
        let error = linked(spec, table, None).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    let spec = |blocking: &str, comparison: &str| {
        format!(r#"{{"blocking": {blocking}, "comparisons": [{comparison}]}}"#)
    };
    let name = r#"{"column": "name", "compare": "exact"}"#;
    refused(&spec("[]", name), table, "blocking rule");
    refused(&spec("[[]]", name), table, "blocking rule 1");
    refused(
        &spec(r#"[["town"]]"#, name),
        table,
        "`town`; there are name, city",
    );
    refused(&spec(r#"[["city"]]"#, ""), table, "comparisons");
    refused(
        &spec(r#"[["city"]]"#, &format!("{name},{name}")),
        table,
        "twice",
    );
    let levels = r#"{"column": "name", "compare": "jaro-winkler", "levels": [0.8, 0.9]}"#;
    refused(&spec(r#"[["city"]]"#, levels), table, "highest first");
    let good = spec(r#"[["city"]]"#, name);
    refused(&good, "", "columns");
    refused(&good, "name,name\n", "twice");
    refused(&good, "name,city\na\n", "CSV");
    let limits = Limits {
        pairs: 10,
        ..Limits::default()
    };
    let many = format!("name,city\n{}", "a,b\n".repeat(6));
    let spec: Spec = serde_json::from_str(&good).unwrap();
    let error = link(&spec, &mut many.as_bytes(), None, &limits)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("6 rows share one value; add a column"),
        "{error}"
    );
    // Nothing to compare is no mistake.
    assert_eq!(linked(&good, "name,city\n", None).unwrap().links, []);
    assert_eq!(linked(&good, "name,city\n,\n,\n", None).unwrap().links, []);
}

#[test]
fn distances_of_texts_are_those_of_jellyfish() {
    // jellyfish 1.3: jaro_winkler_similarity and levenshtein_distance.
    for (one, other, similarity, edits) in [
        ("martha", "marhta", 0.961111, 2),
        ("dixon", "dicksonx", 0.813333, 4),
        ("王小龙", "王晓龙", 0.8, 1),
        ("海棠科技", "海棠科技有限公司", 0.9, 4),
    ] {
        assert!(
            (strsim::jaro_winkler(one, other) - similarity).abs() < 1e-6,
            "{one} {other}"
        );
        assert_eq!(strsim::levenshtein(one, other), edits);
    }
}
