//! LAS, LAZ and COPC files.
