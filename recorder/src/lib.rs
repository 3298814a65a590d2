//! The recorder extension `moviola._recorder`: lives inside the recorded process.
