extension Automaton {
  /// A list of texts, compared without case: built as a tree, so that long lists stay cheap.
  /// - Throws: ``Opaque/Reason/tooLarge(_:)`` when the tree would need more than 16 million moves.
  public init(caselessTexts texts: [String], universe: ScalarSet = .all) throws(Opaque) {
    var sets: [ScalarSet] = []
    var numbers: [UInt32: Int] = [:]
    /// The number of a scalar's orbit.
    func number(_ scalar: Unicode.Scalar) -> Int {
      if let known = numbers[scalar.value] { return known }
      let set = CaseOrbits.closure(ScalarSet([scalar.value...scalar.value]))
      let number = sets.count
      sets.append(set)
      for range in set.ranges { for value in range { numbers[value] = number } }
      return number
    }
    var children: [[Int: Int32]] = [[:]]
    var accepting = [false]
    for text in texts {
      var state = 0
      for scalar in text.unicodeScalars {
        let symbol = number(scalar)
        if let child = children[state][symbol] {
          state = Int(child)
          continue
        }
        children[state][symbol] = Int32(children.count)
        state = children.count
        children.append([:])
        accepting.append(false)
      }
      accepting[state] = true
    }
    let alphabet = try Alphabet(sets: sets, universe: universe)
    guard children.count * alphabet.classCount <= 16_000_000 else {
      throw Opaque(.tooLarge("a list of \(texts.count) texts"))
    }
    // Orbits do not overlap: each is one class, unless the universe leaves part of it out.
    let classes = sets.map { set in
      set.ranges.flatMap { $0.compactMap(alphabet.classNumber) }.first
    }
    var moves = [Int32](repeating: Automaton.dead, count: children.count * alphabet.classCount)
    for (state, symbols) in children.enumerated() {
      for (symbol, child) in symbols {
        if let number = classes[symbol] { moves[state * alphabet.classCount + number] = child }
      }
    }
    self.init(alphabet: alphabet, moves: moves, accepting: accepting)
  }
}
