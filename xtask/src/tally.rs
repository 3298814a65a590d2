//! Counts what passed and failed over all stages of a test run, and says it at the end.

use std::time::{Duration, Instant};

/// The stages of a run and their results.
#[derive(Debug)]
pub struct Tally {
    /// Only stages whose name contains this run.
    only: String,
    stages: Vec<Stage>,
    started: Instant,
}

#[derive(Debug)]
struct Stage {
    name: String,
    passed: u64,
    failed: Vec<String>,
    took: Duration,
}

impl Tally {
    /// Nothing has run yet.
    pub fn new(only: &str) -> Self {
        Self { only: only.to_owned(), stages: Vec::new(), started: Instant::now() }
    }

    /// Runs one stage, which gives how many tests passed and the names of those that failed.
    /// A stage in which nothing ran has failed.
    pub fn stage(&mut self, name: &str, run: impl FnOnce() -> (u64, Vec<String>)) {
        if !name.contains(&self.only) {
            return;
        }
        println!("\n=== {name}");
        let begun = Instant::now();
        let (passed, mut failed) = run();
        if passed == 0 && failed.is_empty() {
            failed.push("nothing ran".to_owned());
        }
        let took = begun.elapsed();
        println!(
            "--- {name}: {passed} passed, {} failed ({:.0} s)",
            failed.len(),
            took.as_secs_f64()
        );
        self.stages.push(Stage { name: name.to_owned(), passed, failed, took });
    }

    /// Prints the table; true when everything passed.
    pub fn finish(&self) -> bool {
        println!("\n=== summary");
        for stage in &self.stages {
            println!(
                "{:<40} {:>5} passed {:>4} failed {:>6.0} s",
                stage.name,
                stage.passed,
                stage.failed.len(),
                stage.took.as_secs_f64()
            );
            for name in &stage.failed {
                println!("    failed: {name}");
            }
        }
        let passed: u64 = self.stages.iter().map(|s| s.passed).sum();
        let failed: usize = self.stages.iter().map(|s| s.failed.len()).sum();
        println!("took {:.0} s", self.started.elapsed().as_secs_f64());
        println!("{passed} passed, {failed} failed");
        failed == 0
    }
}
