//! Figures as a table.

use crate::check::{Check, Outcome};
use serde::Serialize;
use std::fmt::Write as _;

/// A figure with the goal that it is held against.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub what: String,
    pub points: usize,
    pub value: f64,
    pub unit: &'static str,
    pub goal: Option<f64>,
    pub met: Option<bool>,
}

impl Figure {
    /// Something that is the better the more it is.
    pub fn rate(what: String, points: usize, value: f64, unit: &'static str) -> Self {
        Self { what, points, value, unit, goal: None, met: None }
    }

    /// The same with the least that it should be, if that is known.
    #[must_use]
    pub fn with_goal(self, goal: Option<f64>) -> Self {
        Self { met: goal.map(|goal| self.value >= goal), goal, ..self }
    }
}

/// `12.3 M points/s`.
fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{value:.1} %"),
        "×" => format!("{value:.3}×"),
        _ if value >= 1e6 => format!("{:.1} M {unit}", value / 1e6),
        _ => format!("{:.1} k {unit}", value / 1e3),
    }
}

/// Thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Checks as a list.
pub fn checks(checks: &[Check]) -> String {
    let mut text = String::new();
    for (name, outcome) in checks {
        let (word, said) = match outcome {
            Outcome::Passed(said) => ("equal", said),
            Outcome::Failed(said) => ("FAILED", said),
            Outcome::Skipped(said) => ("SKIPPED", said),
        };
        let _ = writeln!(text, "- {name}: {word} ({said})");
    }
    text
}

/// Figures as Markdown.
pub fn figures(figures: &[Figure]) -> String {
    let mut text = String::from("| what | points, rows | measured | goal | met |\n|---|--:|--:|--:|---|\n");
    for Figure { what, points, value, unit, goal, met } in figures {
        let goal = goal.map_or(String::new(), |goal| format!("≥ {}", quantity(goal, unit)));
        let met = met.map_or("", |met| if met { "yes" } else { "no" });
        let _ = writeln!(text, "| {what} | {} | {} | {goal} | {met} |", grouped(*points), quantity(*value, unit));
    }
    text
}
