/// Where the parts of a loaded policy stand in its files, for findings made after loading.
package struct PolicyPlaces: Sendable {
  let assembly: PolicyAssembly
  /// For each rule in the order of evaluation, its place as written.
  let order: [Int]

  init(assembly: PolicyAssembly, order: [Int]) {
    self.assembly = assembly
    self.order = order
  }

  /// For a policy made in code, whose rules stand in the order of evaluation: findings keep their path and get no line.
  package init(inCode ruleCount: Int) {
    self.init(assembly: PolicyAssembly(), order: Array(0..<ruleCount))
  }

  /// The path of a rule by its number in ``Policy/rules`` of the snapshot.
  package func rule(_ number: Int) -> PolicyPath {
    PolicyPath("rules", order.indices.contains(number) ? order[number] : number)
  }

  /// A finding with its file, line and column; nil when it says nothing that is not already reported.
  package func diagnostic(_ finding: PolicyFinding) -> PolicyDiagnostic? { assembly.diagnostic(finding) }

  /// File and line of something; nil when it is not written down.
  package func position(of path: PolicyPath) -> (file: String, line: Int)? {
    guard let place = assembly.place(of: path), place.isExact else { return nil }
    return (assembly.sources[place.position.file].name, place.position.line)
  }

  /// Diagnostics in the order of the files.
  package func sorted(_ diagnostics: [PolicyDiagnostic]) -> [PolicyDiagnostic] {
    assembly.sorted(diagnostics)
  }
}
