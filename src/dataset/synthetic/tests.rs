//! What a synthetic survey promises.

use super::*;
use crate::job::CancelToken;

fn survey(options: SurveyOptions) -> Survey {
    Survey::generate(&options, &Monitor::default()).unwrap()
}

fn small() -> SurveyOptions {
    SurveyOptions { side_m: 120.0, density: 12.0, seed: 5 }
}

fn bytes(survey: &Survey, name: &str) -> Vec<u8> {
    match survey.cloud.column(name) {
        Some(Values::U8(v)) => v.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn the_same_seed_gives_the_same_points_on_any_number_of_threads() {
    let on = |threads| crate::job::Job::new().threads(threads).run(|m| Survey::generate(&small(), m)).unwrap();
    let (one, three) = (on(1), on(3));
    assert_eq!(one.cloud.coordinates(), three.cloud.coordinates());
    assert_eq!(one.cloud.columns(), three.cloud.columns());
    assert_eq!(one.truth, three.truth);
    let other = survey(SurveyOptions { seed: 6, ..small() });
    assert_ne!(one.truth, other.truth);
}

#[test]
fn the_tile_is_full_and_has_the_density() {
    for density in [2.0, 25.0] {
        let options = SurveyOptions { density, ..small() };
        let survey = survey(options);
        let area = options.side_m * options.side_m;
        let found = survey.cloud.len() as f64 / area;
        assert!((found / density - 1.0).abs() < 0.1, "{found} for {density}");
        let (low, high) = survey.cloud.bounds().unwrap();
        for axis in 0..2 {
            assert!(low[axis] >= ORIGIN[axis] && low[axis] < ORIGIN[axis] + 2.0);
            assert!(high[axis] < ORIGIN[axis] + options.side_m && high[axis] > ORIGIN[axis] + options.side_m - 2.0);
        }
    }
}

#[test]
fn every_class_is_there_in_a_sensible_share() {
    let survey = survey(SurveyOptions { density: 25.0, ..SurveyOptions::default() });
    let share = |class: u8| survey.truth.iter().filter(|c| **c == class).count() as f64 / survey.truth.len() as f64;
    for (class, low, high) in [
        (2, 0.25, 0.75),
        (3, 0.001, 0.10),
        (4, 0.003, 0.10),
        (5, 0.08, 0.60),
        (6, 0.06, 0.40),
        (1, 0.001, 0.05),
        (14, 0.0005, 0.03),
        (15, 0.0001, 0.01),
    ] {
        assert!((low..high).contains(&share(class)), "class {class}: {}", share(class));
    }
}

#[test]
fn the_returns_of_a_pulse_agree_and_go_down() {
    let survey = survey(small());
    let (number, of) = (bytes(&survey, names::RETURN_NUMBER), bytes(&survey, names::NUMBER_OF_RETURNS));
    let Some(Values::F64(time)) = survey.cloud.column(names::GPS_TIME) else { panic!("no times") };
    let z = survey.cloud.coordinates()[2];
    let mut several = 0;
    for i in 0..number.len() {
        assert!(number[i] >= 1 && number[i] <= of[i] && usize::from(of[i]) <= MOST_ECHOES);
        if i > 0 && time[i] == time[i - 1] {
            assert_eq!(of[i], of[i - 1]);
            assert!(number[i] > number[i - 1] && z[i] < z[i - 1]);
            several += 1;
        }
    }
    assert!(several as f64 > 0.05 * number.len() as f64, "{several}");
    // Canopies let beams through: below high vegetation there is ground.
    let last_on_ground =
        (0..number.len()).filter(|&i| number[i] > 1 && number[i] == of[i] && survey.truth[i] == 2).count();
    assert!(last_on_ground > 1000, "{last_on_ground}");
}

#[test]
fn ground_points_scatter_by_a_few_centimetres() {
    let survey = survey(SurveyOptions { density: 25.0, ..small() });
    let terrain = terrain::Terrain::new(5, 120.0, MARGIN_M);
    let (mut square, mut ground) = (0.0, 0.0);
    for i in (0..survey.truth.len()).filter(|&i| survey.truth[i] == 2) {
        let p = survey.cloud.position(i);
        square += (p[2] - terrain.height(p[0] - ORIGIN[0], p[1] - ORIGIN[1])).powi(2);
        ground += 1.0;
    }
    let rms = f64::sqrt(square / ground);
    assert!((0.015..0.045).contains(&rms), "{rms}");
}

#[test]
fn impossible_surveys_are_refused_and_cancelled_ones_stop() {
    for options in [
        SurveyOptions { side_m: f64::NAN, ..small() },
        SurveyOptions { side_m: 5.0, ..small() },
        SurveyOptions { density: 0.0, ..small() },
        SurveyOptions { side_m: 2000.0, density: 200.0, seed: 0 },
    ] {
        assert_eq!(Survey::generate(&options, &Monitor::default()).unwrap_err().code(), 100, "{options:?}");
    }
    let cancel = CancelToken::new();
    cancel.cancel();
    assert!(matches!(Survey::generate(&small(), &Monitor::new(cancel)), Err(Error::Cancelled)));
}
