extension Automaton {
  private enum Operation { case intersection, union, difference, symmetricDifference }

  /// Texts that both accept.
  public func intersection(_ other: Automaton, limits: AnalysisLimits = .standard) throws(Opaque) -> Automaton
  {
    try combined(other, .intersection, limits)
  }

  /// Texts that at least one accepts.
  public func union(_ other: Automaton, limits: AnalysisLimits = .standard) throws(Opaque) -> Automaton {
    try combined(other, .union, limits)
  }

  /// Texts that this accepts and the other does not.
  public func subtracting(_ other: Automaton, limits: AnalysisLimits = .standard) throws(Opaque) -> Automaton
  {
    try combined(other, .difference, limits)
  }

  /// Texts over its universe that it does not accept.
  public func complement(limits: AnalysisLimits = .standard) throws(Opaque) -> Automaton {
    // Every class that has a number is of the universe.
    let whole = Automaton(
      alphabet: alphabet, moves: Array(repeating: 0, count: alphabet.classCount), accepting: [true])
    return try whole.subtracting(self, limits: limits)
  }

  /// True when both accept the same texts.
  public func isEquivalent(to other: Automaton, limits: AnalysisLimits = .standard) throws(Opaque) -> Bool {
    try combined(other, .symmetricDifference, limits).isEmpty
  }

  private func combined(_ other: Automaton, _ operation: Operation, _ limits: AnalysisLimits) throws(Opaque)
    -> Automaton
  {
    let (alphabet, classes) = try Alphabet.joint([self.alphabet, other.alphabet])
    struct Pair: Hashable {
      var a: Int32
      var b: Int32
    }
    var numbers: [Pair: Int32] = [Pair(a: 0, b: 0): 0]
    var states = [Pair(a: 0, b: 0)]
    var moves: [Int32] = []
    var accepting: [Bool] = []
    var i = 0
    while i < states.count {
      let pair = states[i]
      i += 1
      let a = pair.a != Automaton.dead && self.accepting[Int(pair.a)]
      let b = pair.b != Automaton.dead && other.accepting[Int(pair.b)]
      switch operation {
      case .intersection: accepting.append(a && b)
      case .union: accepting.append(a || b)
      case .difference: accepting.append(a && !b)
      case .symmetricDifference: accepting.append(a != b)
      }
      for tuple in classes {
        let next = Pair(a: move(pair.a, tuple[0]), b: other.move(pair.b, tuple[1]))
        let isDead =
          switch operation {
          case .intersection: next.a == Automaton.dead || next.b == Automaton.dead
          case .difference: next.a == Automaton.dead
          case .union, .symmetricDifference: next.a == Automaton.dead && next.b == Automaton.dead
          }
        guard !isDead else {
          moves.append(Automaton.dead)
          continue
        }
        if let known = numbers[next] {
          moves.append(known)
          continue
        }
        guard states.count < limits.states * 4 else {
          throw Opaque(.tooLarge("more than \(limits.states * 4) states"))
        }
        let number = Int32(states.count)
        numbers[next] = number
        states.append(next)
        moves.append(number)
      }
    }
    return Automaton(alphabet: alphabet, moves: moves, accepting: accepting)
  }

  @inline(__always)
  func move(_ state: Int32, _ number: UInt16) -> Int32 {
    state == Automaton.dead ? Automaton.dead : moves[Int(state) * alphabet.classCount + Int(number)]
  }

  /// The same language with as few states as possible (Moore's refinement).
  public func minimised() -> Automaton {
    let classCount = alphabet.classCount
    guard stateCount > 1 else { return self }
    var block = accepting.map { $0 ? Int32(1) : Int32(0) }
    var blocks = Set(block).count
    while true {
      var numbers: [[Int32]: Int32] = [:]
      var refined = [Int32](repeating: 0, count: stateCount)
      for state in 0..<stateCount {
        var signature = [block[state]]
        signature.reserveCapacity(classCount + 1)
        for number in 0..<classCount {
          let target = moves[state * classCount + number]
          signature.append(target == Automaton.dead ? Automaton.dead : block[Int(target)])
        }
        let fresh = Int32(numbers.count)
        refined[state] = numbers[signature] ?? fresh
        if refined[state] == fresh { numbers[signature] = fresh }
      }
      let isStable = numbers.count == blocks
      block = refined
      blocks = numbers.count
      if isStable { break }
    }
    // The start's block comes first.
    var representative = [Int](repeating: -1, count: blocks)
    for state in 0..<stateCount where representative[Int(block[state])] < 0 {
      representative[Int(block[state])] = state
    }
    var order = [Int32](repeating: 0, count: blocks)
    order[Int(block[0])] = 0
    var next: Int32 = 1
    for number in 0..<blocks where number != Int(block[0]) {
      order[number] = next
      next += 1
    }
    var newMoves = [Int32](repeating: Automaton.dead, count: blocks * classCount)
    var newAccepting = [Bool](repeating: false, count: blocks)
    for number in 0..<blocks {
      let state = representative[number]
      newAccepting[Int(order[number])] = accepting[state]
      for symbol in 0..<classCount {
        let target = moves[state * classCount + symbol]
        if target != Automaton.dead {
          newMoves[Int(order[number]) * classCount + symbol] = order[Int(block[Int(target)])]
        }
      }
    }
    return Automaton(alphabet: alphabet, moves: newMoves, accepting: newAccepting)
  }
}
