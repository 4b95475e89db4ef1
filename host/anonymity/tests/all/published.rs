//! Tables from the papers, and jobs as people write them.

use serde_json::json;
use steward_anonymity::{Spec, Suppress};

use crate::{run, run_bytes};

/// A. Machanavajjhala et al., "l-diversity: privacy beyond k-anonymity", 2007, figure 1: inpatient microdata.
const INPATIENTS: &str = "zip,age,nationality,condition
13053,28,Russian,Heart Disease
13068,29,American,Heart Disease
13068,21,Japanese,Viral Infection
13053,23,American,Viral Infection
14853,50,Indian,Cancer
14853,55,Russian,Heart Disease
14850,47,American,Viral Infection
14850,49,American,Viral Infection
13053,31,American,Cancer
13053,37,Indian,Cancer
13068,36,Japanese,Cancer
13068,35,American,Cancer
";

const JOB: &str = "
columns:
  - {name: zip, role: quasi-identifying, hierarchy: {kind: mask, hidden: [1, 2, 3]}}
  - name: age
    role: quasi-identifying
    hierarchy: {kind: intervals, widths: [10, 20], top: 40}
  - {name: nationality, role: quasi-identifying}
  - {name: condition, role: sensitive}
models:
  - {model: k-anonymity, k: 4}
metric: {kind: precision}
";

#[test]
fn the_four_anonymous_table_of_the_paper() {
    let spec: Spec = serde_saphyr::from_str(JOB).unwrap();
    let (csv, report) =
        run_bytes(&spec, INPATIENTS.as_bytes(), None, &mut |_| unreachable!()).unwrap();
    // Figure 2: 130** with <30 and 3*, 1485* with ≥40; one level for all ZIP codes makes them 130** and 148**.
    let expected: Vec<String> = [
        ("130**", "[20, 30)"),
        ("148**", "≥40"),
        ("130**", "[30, 40)"),
    ]
    .iter()
    .flat_map(|(zip, age)| [(zip, age); 4])
    .zip(INPATIENTS.lines().skip(1))
    .map(|((zip, age), line)| {
        let age = if age.contains(',') {
            format!("\"{age}\"")
        } else {
            (*age).to_string()
        };
        format!("{zip},{age},*,{}", line.rsplit(',').next().unwrap())
    })
    .collect();
    assert_eq!(csv.lines().skip(1).collect::<Vec<_>>(), expected);
    assert_eq!((report.k, report.classes), (4, 3));
    assert_eq!(report.before.prosecutor.highest, 1.0);
    assert_eq!(report.after.prosecutor.highest, 0.25);
    assert_eq!(report.models[0].reached, Some(4.0));
}

#[test]
fn the_homogeneous_class_of_the_paper_is_not_diverse() {
    let mut spec: Spec = serde_saphyr::from_str(JOB).unwrap();
    spec.models.push(
        serde_json::from_value(
            json!({"model": "distinct-l-diversity", "column": "condition", "l": 2}),
        )
        .unwrap(),
    );
    let (_, report) =
        run_bytes(&spec, INPATIENTS.as_bytes(), None, &mut |_| unreachable!()).unwrap();
    // The four people in their thirties all have cancer, so that they must not stand alone.
    assert!(report.levels[1].level >= 2, "{:?}", report.levels);
    assert!(report.models[1].reached >= Some(2.0));
}

#[test]
fn suppressed_rows_show_what_the_job_says() {
    let job = |suppress: &str| {
        json!({
            "columns": [
                {"name": "city", "role": "quasi-identifying", "hierarchy": {"kind": "keep"}},
                {"name": "illness", "role": "sensitive"},
                {"name": "note", "role": "insensitive"}
            ],
            "models": [{"model": "k-anonymity", "k": 2}],
            "suppression_limit": 0.34,
            "suppress": suppress
        })
    };
    let table = "note,city,illness\nx,北京,flu\ny,北京,flu\nz,拉萨,asthma\n";
    let (row, report) = run(&job("row"), table, None).unwrap();
    assert_eq!(row, "note,city,illness\nx,北京,flu\ny,北京,flu\n*,*,*\n");
    assert_eq!((report.suppressed, report.after.rows), (1, 2));
    let (part, _) = run(&job("quasi-identifiers"), table, None).unwrap();
    assert_eq!(
        part,
        "note,city,illness\nx,北京,flu\ny,北京,flu\nz,*,asthma\n"
    );
}

#[test]
fn a_job_reads_back_as_it_was_written() {
    let spec: Spec = serde_saphyr::from_str(JOB).unwrap();
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec);
    assert_eq!(spec.suppress, Suppress::Row);
}

#[test]
fn levels_can_be_fixed() {
    let spec = |max: usize| {
        json!({
            "columns": [
                {"name": "zip", "role": "quasi-identifying", "hierarchy": {"kind": "mask"}, "min_level": 2, "max_level": 3},
                {"name": "age", "role": "quasi-identifying", "max_level": max},
                {"name": "nationality", "role": "identifying"},
                {"name": "condition", "role": "insensitive"}
            ],
            "models": [{"model": "k-anonymity", "k": 4}],
        })
    };
    let (_, report) = run(&spec(1), INPATIENTS, None).unwrap();
    assert_eq!(report.search.nodes, 4);
    assert_eq!(
        report
            .levels
            .iter()
            .map(|level| level.level)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    assert!(run(&spec(0), INPATIENTS, None).is_err());
}

#[test]
fn the_job_of_the_documentation_is_one() {
    let page = include_str!("../../../../docs/tables.md");
    let (_, from) = page.split_once("```yaml\n").unwrap();
    let spec: Spec = serde_saphyr::from_str(from.split("```").next().unwrap()).unwrap();
    spec.validate().unwrap();
    assert_eq!(spec.files().collect::<Vec<_>>(), ["job.csv"]);
}
