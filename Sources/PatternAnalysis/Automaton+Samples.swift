extension Automaton {
  /// A text that it accepts, found by a random walk; nil when it accepts none. Walks that have gone on for `length` scalars take
  /// the shortest way to an end.
  public func sample(length: Int = 12, using random: inout some RandomNumberGenerator) -> String? {
    guard !isEmpty else { return nil }
    let letters = sampleLetters
    let distances = distancesToEnd
    var text = String.UnicodeScalarView()
    var state = 0
    var steps = 0
    while true {
      let classCount = alphabet.classCount
      var ways: [(target: Int, number: Int)] = []
      for number in 0..<classCount {
        let target = moves[state * classCount + number]
        if target != Automaton.dead, !letters[number].isEmpty { ways.append((Int(target), number)) }
      }
      if accepting[state], ways.isEmpty || steps >= length || Int.random(in: 0..<4, using: &random) == 0 {
        return String(text)
      }
      if steps >= length, let least = ways.map({ distances[$0.target] }).min() {
        ways.removeAll { distances[$0.target] > least }
      }
      guard steps < 4 * length + stateCount, let way = ways.randomElement(using: &random),
        let letter = letters[way.number].randomElement(using: &random)
      else { return accepting[state] ? String(text) : nil }
      text.append(letter)
      state = way.target
      steps += 1
    }
  }

  /// A few members of each class, the readable ones where there are any.
  private var sampleLetters: [[Unicode.Scalar]] {
    alphabet.members.map { set in
      let plain = "abcdefghijklmnopqrstuvwxyz0123456789@.-_+*#:".unicodeScalars.filter(set.contains)
      if !plain.isEmpty { return Array(plain) }
      return set.ranges.prefix(4).flatMap { [$0.lowerBound, $0.upperBound] }.compactMap(Unicode.Scalar.init)
    }
  }

  /// For each state, how many scalars an accepted text still needs at least.
  private var distancesToEnd: [Int] {
    var sources = [[Int]](repeating: [], count: stateCount)
    for state in 0..<stateCount {
      for number in 0..<alphabet.classCount {
        let target = moves[state * alphabet.classCount + number]
        if target != Automaton.dead { sources[Int(target)].append(state) }
      }
    }
    var distances = accepting.map { $0 ? 0 : Int.max }
    var queue = accepting.indices.filter { accepting[$0] }
    var i = 0
    while i < queue.count {
      let state = queue[i]
      i += 1
      for source in sources[state] where distances[source] == .max {
        distances[source] = distances[state] + 1
        queue.append(source)
      }
    }
    return distances
  }
}
