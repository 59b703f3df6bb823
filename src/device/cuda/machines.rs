//! The machines of some work, opened one by one where they are used, and how the work is spread over them.

use super::{Queue, Shared};
use crate::device::Placement;
use crate::device::fleet::{Delivery, Fault, Member, Options, Policy};
use crate::error::{Error, Result};

/// How blocks are spread over devices.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// How a device comes to its blocks.
    pub policy: Policy,
    /// Rows that a device computes at a time, as long as its memory holds them.
    pub batch_rows: usize,
    /// Fewer rows than this are not tried where memory is short.
    pub smallest_batch_rows: usize,
}

impl Default for Spread {
    fn default() -> Self {
        Self { policy: Policy::default(), batch_rows: 1 << 18, smallest_batch_rows: 1 << 12 }
    }
}

impl Spread {
    /// The terms of a run whose outputs may come in any order.
    #[must_use]
    pub fn terms(&self) -> Options {
        Options { policy: self.policy, delivery: Delivery::AsTheyCome, ..Options::default() }
    }
}

/// Machines for some work.
#[derive(Clone, Debug)]
pub struct Machines(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// GPUs by their numbers; `exact` if each of them was asked for, so that none may be missing when the work begins.
    Gpus { numbers: Vec<u32>, exact: bool },
    /// What is open already.
    Open(Vec<Shared>),
}

impl Machines {
    /// The GPUs of a placement; nothing if the CPU does the work. None is opened yet.
    #[must_use]
    pub fn of(placement: &Placement) -> Option<Self> {
        let numbers = placement.gpus().to_vec();
        (!numbers.is_empty()).then(|| Self(Kind::Gpus { numbers, exact: placement.is_exact() }))
    }

    /// Machines that are open.
    #[must_use]
    pub fn open_ones(machines: &[Shared]) -> Self {
        Self(Kind::Open(machines.to_vec()))
    }

    /// Their names, with the rows that each computes at a time.
    #[must_use]
    pub fn members(&self, spread: Spread) -> Vec<Member> {
        let member = |id: String| Member::new(id, spread.batch_rows, spread.smallest_batch_rows);
        match &self.0 {
            Kind::Gpus { numbers, .. } => numbers.iter().map(|number| member(format!("cuda:{number}"))).collect(),
            Kind::Open(machines) => machines.iter().map(|machine| member(machine.id().into())).collect(),
        }
    }

    /// The machine that a member is.
    ///
    /// # Errors
    /// Those of [`Queue::open`].
    pub fn open(&self, member: &Member) -> Result<Shared> {
        match &self.0 {
            Kind::Gpus { .. } => {
                let number = member.id.trim_start_matches("cuda:").parse();
                let queue: Shared = Queue::open(number.map_err(|_| Error::internal("the name of a GPU"))?)?;
                Ok(queue)
            }
            Kind::Open(machines) => {
                let machine = machines.iter().find(|machine| machine.id() == member.id);
                machine.cloned().ok_or_else(|| Error::internal("a machine that is not there"))
            }
        }
    }

    /// What it means for the run that a device could not begin: its end, if the device was asked for by name.
    #[must_use]
    pub fn refused(&self, error: Error) -> Fault {
        match self.0 {
            Kind::Gpus { exact: true, .. } => Fault::Run(error),
            _ => error.into(),
        }
    }
}
