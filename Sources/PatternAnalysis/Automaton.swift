/// A deterministic automaton over Unicode scalars: a regular set of texts, on which questions have exact answers.
///
/// Every state leads to an accepting one; a move that cannot end well is missing. Immutable.
public struct Automaton: Sendable {
  let alphabet: Alphabet
  /// Target by state and class; ``dead`` for none.
  let moves: [Int32]
  let accepting: [Bool]

  static let dead: Int32 = -1

  public var stateCount: Int { accepting.count }

  /// True when it accepts no text at all.
  public var isEmpty: Bool { stateCount == 1 && !accepting[0] && !moves.contains { $0 != Automaton.dead } }

  /// Trims states that cannot be reached, or from which nothing is accepted. State 0 is the start and always stays.
  init(alphabet: Alphabet, moves: [Int32], accepting: [Bool]) {
    let classCount = alphabet.classCount
    let count = accepting.count
    var sources = [[Int32]](repeating: [], count: count)
    for state in 0..<count {
      for number in 0..<classCount {
        let target = moves[state * classCount + number]
        if target != Automaton.dead { sources[Int(target)].append(Int32(state)) }
      }
    }
    var isUseful = accepting
    var queue = accepting.indices.filter { accepting[$0] }
    while let state = queue.popLast() {
      for source in sources[state] where !isUseful[Int(source)] {
        isUseful[Int(source)] = true
        queue.append(Int(source))
      }
    }
    var numbers = [Int32](repeating: Automaton.dead, count: count)
    numbers[0] = 0
    var order = [0]
    var i = 0
    while i < order.count {
      let state = order[i]
      i += 1
      for number in 0..<classCount {
        let target = moves[state * classCount + number]
        guard target != Automaton.dead, isUseful[Int(target)], numbers[Int(target)] == Automaton.dead else {
          continue
        }
        numbers[Int(target)] = Int32(order.count)
        order.append(Int(target))
      }
    }
    self.alphabet = alphabet
    self.accepting = order.map { accepting[$0] }
    var kept = [Int32](repeating: Automaton.dead, count: order.count * classCount)
    for (new, old) in order.enumerated() {
      for number in 0..<classCount {
        let target = moves[old * classCount + number]
        if target != Automaton.dead, isUseful[Int(target)] {
          kept[new * classCount + number] = numbers[Int(target)]
        }
      }
    }
    self.moves = kept
  }

  /// The state behind `state` after one scalar; nil when no accepted text goes on so.
  func next(_ state: Int32, _ scalar: UInt32) -> Int32? {
    guard state != Automaton.dead, let number = alphabet.classNumber(scalar) else { return nil }
    let target = moves[Int(state) * alphabet.classCount + number]
    return target == Automaton.dead ? nil : target
  }

  public func accepts(_ text: some StringProtocol) -> Bool {
    var state: Int32 = 0
    for scalar in text.unicodeScalars {
      guard let target = next(state, scalar.value) else { return false }
      state = target
    }
    return accepting[Int(state)]
  }

  /// For each state, whether everything is accepted from it on.
  var universalStates: [Bool] {
    let classCount = alphabet.classCount
    var isUniversal = accepting
    var changed = true
    while changed {
      changed = false
      for state in 0..<stateCount where isUniversal[state] {
        for number in 0..<classCount {
          let target = moves[state * classCount + number]
          if target == Automaton.dead || !isUniversal[Int(target)] {
            isUniversal[state] = false
            changed = true
            break
          }
        }
      }
    }
    return isUniversal
  }

  /// True when it accepts every text over its universe.
  public var isUniversal: Bool { universalStates[0] }

  /// The text it accepts when it accepts exactly one but for case: the literal, in its lower case.
  var path: [ScalarSet]? {
    let members = alphabet.members
    var sets: [ScalarSet] = []
    var state = 0
    var visited = 0
    while visited <= stateCount {
      visited += 1
      guard let (target, set) = onlyMove(state, members) else { return accepting[state] ? sets : nil }
      if accepting[state] { return nil }
      sets.append(set)
      state = target
    }
    return nil
  }

  /// The one state that `state` leads to, with the scalars that do; nil when there are several, or none.
  func onlyMove(_ state: Int, _ members: [ScalarSet]) -> (Int, ScalarSet)? {
    var only: Int32 = Automaton.dead
    var set = ScalarSet.empty
    for number in 0..<alphabet.classCount {
      let target = moves[state * alphabet.classCount + number]
      guard target != Automaton.dead else { continue }
      guard only == Automaton.dead || only == target else { return nil }
      only = target
      set = set.union(members[number])
    }
    return only == Automaton.dead ? nil : (Int(only), set)
  }
}
