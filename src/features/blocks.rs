//! Cuts a cloud into square blocks with halos, so that memory is bounded by a block and not by the cloud.

use crate::error::{Error, Result};
use crate::neighbors::lattice::Lattice;

/// Rows of one block: those that it is responsible for, and those around it that its features look at.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Rows inside the half-open square: each row of the cloud is in the core of exactly one block.
    pub core: Vec<u32>,
    /// Rows outside, not farther than the halo.
    pub halo: Vec<u32>,
}

/// The blocks of a cloud that hold any point, row by row.
#[derive(Debug)]
pub struct Blocks {
    size: i64,
    halo: i64,
    nx: usize,
    ny: usize,
    /// Rows sorted by block, and where each block begins.
    rows: Vec<u32>,
    start: Vec<u32>,
}

/// More blocks than this are a mistake in the block size, not a plan.
const MAX_BLOCKS: f64 = 4e6;

impl Blocks {
    /// Blocks of `size_m` metres; `None` is one block for all.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a size that is not positive or gives millions of blocks.
    pub fn new(lattice: &Lattice, size_m: Option<f64>, halo_m: f64) -> Result<Self> {
        let n = lattice.len();
        let highest = |axis: usize| lattice.coordinates[axis].iter().copied().max().unwrap_or(0);
        let (width, height) = (f64::from(highest(0)) + 1.0, f64::from(highest(1)) + 1.0);
        let size = match size_m {
            None => width.max(height),
            Some(size) if size > 0.0 => (size / lattice.unit_m).round().clamp(1.0, width.max(height)),
            Some(size) => {
                return Err(Error::invalid(format!("the block size is {size} m"), "pass a positive length"));
            }
        };
        let (nx, ny) = ((width / size).ceil(), (height / size).ceil());
        if nx * ny > MAX_BLOCKS {
            return Err(Error::invalid(
                format!("blocks of {} m cut the cloud into {nx} × {ny}", size * lattice.unit_m),
                "use larger blocks",
            ));
        }
        let (nx, ny, size) = (nx as usize, ny as usize, size as i64);
        if nx * ny == 1 {
            let rows = (0..n as u32).collect();
            return Ok(Self { size, halo: 0, nx, ny, rows, start: vec![0, n as u32] });
        }
        let [x, y, _] = &lattice.coordinates;
        let key = |row: usize| (i64::from(y[row]) / size) as usize * nx + (i64::from(x[row]) / size) as usize;
        let mut start = vec![0u32; nx * ny + 1];
        for row in 0..n {
            start[key(row) + 1] += 1;
        }
        for block in 0..nx * ny {
            start[block + 1] += start[block];
        }
        let mut next = start.clone();
        let mut rows = vec![0u32; n];
        for row in 0..n {
            let to = &mut next[key(row)];
            rows[*to as usize] = row as u32;
            *to += 1;
        }
        Ok(Self { size, halo: (halo_m / lattice.unit_m).ceil() as i64, nx, ny, rows, start })
    }

    /// Number of squares, empty ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nx * self.ny
    }

    /// Whether there are no squares (there always are).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of block `at`; without any core, the block is empty.
    #[must_use]
    pub fn block(&self, lattice: &Lattice, at: usize) -> Block {
        let core = self.core(at).to_vec();
        if core.is_empty() || self.len() == 1 {
            return Block { core, halo: Vec::new() };
        }
        let (bx, by) = ((at % self.nx) as i64, (at / self.nx) as i64);
        let span = |b: i64| (b * self.size - self.halo, (b + 1) * self.size + self.halo);
        let ((x0, x1), (y0, y1)) = (span(bx), span(by));
        let reach = self.halo / self.size + 1;
        let [x, y, _] = &lattice.coordinates;
        let mut halo = Vec::new();
        for ny in (by - reach).max(0)..=(by + reach).min(self.ny as i64 - 1) {
            for nx in (bx - reach).max(0)..=(bx + reach).min(self.nx as i64 - 1) {
                let neighbor = ny as usize * self.nx + nx as usize;
                if neighbor != at {
                    halo.extend(self.core(neighbor).iter().copied().filter(|&row| {
                        let (px, py) = (i64::from(x[row as usize]), i64::from(y[row as usize]));
                        x0 <= px && px < x1 && y0 <= py && py < y1
                    }));
                }
            }
        }
        Block { core, halo }
    }

    /// Number of rows that block `at` is responsible for.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn core_len(&self, at: usize) -> usize {
        self.core(at).len()
    }

    fn core(&self, at: usize) -> &[u32] {
        &self.rows[self.start[at] as usize..self.start[at + 1] as usize]
    }
}
