package io.usagekit.testkit.mutants;

/**
 * Wrong implementation of a port, and the case of the contract that reports it.
 *
 * @param fault what is wrong about it
 * @param check method name of the case that must fail
 * @param adapter what the suite runs on
 */
record Mutant<A>(String fault, String check, A adapter) {}
