// What AWS charges: the few prices of stage/prices.toml that the page needs, in dollars, and the figure of
// docs/cost.md for a batch. A test compares them.
export const REGION = "us-east-1";
export const GB_SECOND = 0.0000166667; // of Lambda on x86_64
export const MILLION_INVOCATIONS = 0.2;
export const MILLION_API_REQUESTS = 3.5;
export const MEMORY_MB = 1769; // as deployed
export const MILLION_IN_BATCHES = 3.58; // photographs of 720p, by Inception v3
