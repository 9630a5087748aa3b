/// Looks for a text that all of some automata accept and none of others does, with the automata side by side: their
/// product is never built, only what of it is visited.
struct LanguageSearch {
  private let positives: [Automaton]
  private let negatives: [Automaton]
  private let alphabet: Alphabet
  private let classes: [[UInt16]]
  private let universal: [[Bool]]
  private let limits: AnalysisLimits

  init(positives: [Automaton], negatives: [Automaton], limits: AnalysisLimits) throws(Opaque) {
    self.positives = positives
    self.negatives = negatives
    self.limits = limits
    (alphabet, classes) = try Alphabet.joint((positives + negatives).map(\.alphabet))
    universal = negatives.map(\.universalStates)
  }

  private typealias State = [Int32]

  /// nil when nothing that begins so can be found.
  private func next(_ state: State, _ tuple: [UInt16]) -> State? {
    var result = state
    for i in state.indices {
      let isPositive = i < positives.count
      let automaton = isPositive ? positives[i] : negatives[i - positives.count]
      let target = automaton.move(state[i], tuple[i])
      if isPositive, target == Automaton.dead { return nil }
      if !isPositive, target != Automaton.dead, universal[i - positives.count][Int(target)] { return nil }
      result[i] = target
    }
    return result
  }

  private func accepts(_ state: State) -> Bool {
    for (i, automaton) in positives.enumerated() where !automaton.accepting[Int(state[i])] { return false }
    for (i, automaton) in negatives.enumerated() {
      let place = state[positives.count + i]
      if place != Automaton.dead, automaton.accepting[Int(place)] { return false }
    }
    return true
  }

  private var start: State? {
    let state = State(repeating: 0, count: positives.count + negatives.count)
    return universal.contains { $0[0] } ? nil : state
  }

  /// The most readable such text: shortest in the measure of ``Readability``. nil: there is none.
  func witness() throws(Opaque) -> String? {
    guard let start else { return nil }
    for text in Readability.favourites {
      var state: State? = start
      for scalar in text.unicodeScalars {
        guard let here = state, let number = alphabet.classNumber(scalar.value) else {
          state = nil
          break
        }
        state = next(here, classes[number])
      }
      if let state, accepts(state) { return text }
    }
    return try shortest(from: start)
  }

  private struct Step {
    var from: Int
    var text: String
  }

  /// Dijkstra's search, with whole words as steps beside single characters.
  private func shortest(from start: State) throws(Opaque) -> String? {
    let letters = alphabet.members.map(Readability.representative)
    let words = Readability.words.map { word in
      (word.text, word.cost, word.text.unicodeScalars.map { alphabet.classNumber($0.value) })
    }
    var numbers: [State: Int] = [start: 0]
    var states = [start]
    var costs = [0]
    var steps = [Step(from: -1, text: "")]
    var isDone = [false]
    var queue = CostQueue()
    queue.push(0, 0)
    var best: (cost: Int, state: Int)?
    func reach(_ state: State, _ cost: Int, from: Int, _ text: String) throws(Opaque) {
      if let known = numbers[state] {
        guard cost < costs[known] else { return }
        costs[known] = cost
        steps[known] = Step(from: from, text: text)
        queue.push(cost, known)
        return
      }
      guard states.count < limits.searchStates else {
        throw Opaque(.tooLarge("more than \(limits.searchStates) combined states"))
      }
      numbers[state] = states.count
      queue.push(cost, states.count)
      states.append(state)
      costs.append(cost)
      steps.append(Step(from: from, text: text))
      isDone.append(false)
    }
    while let (cost, current) = queue.pop() {
      if let best, best.cost <= cost { break }
      guard !isDone[current], cost == costs[current] else { continue }
      isDone[current] = true
      let state = states[current]
      if accepts(state) {
        let text = steps[current].text
        let total = cost + (current == 0 ? Readability.emptyCost : Readability.endCost(text))
        if best == nil || total < best!.cost { best = (total, current) }
      }
      for (number, tuple) in classes.enumerated() {
        guard let target = next(state, tuple) else { continue }
        let letter = letters[number]
        let extra = current == 0 ? Readability.startCost(letter.text) : 0
        try reach(target, cost + letter.cost + extra, from: current, letter.text)
      }
      for (text, price, numbers) in words where text != Readability.domain || steps[current].text == "@" {
        var target: State? = state
        for number in numbers {
          guard let here = target, let number else {
            target = nil
            break
          }
          target = next(here, classes[number])
        }
        guard let target else { continue }
        try reach(target, cost + price, from: current, text)
      }
    }
    guard let best else { return nil }
    var parts: [String] = []
    var place = best.state
    while place > 0 {
      parts.append(steps[place].text)
      place = steps[place].from
    }
    return parts.reversed().joined()
  }

  /// Whether there is such a text at all: a plain search, cheaper than ``witness()``.
  func hasText() throws(Opaque) -> Bool {
    guard let start else { return false }
    var known: Set<State> = [start]
    var queue = [start]
    while let state = queue.popLast() {
      if accepts(state) { return true }
      for tuple in classes {
        guard let target = next(state, tuple), known.insert(target).inserted else { continue }
        guard known.count <= limits.searchStates else {
          throw Opaque(.tooLarge("more than \(limits.searchStates) combined states"))
        }
        queue.append(target)
      }
    }
    return false
  }
}

/// A binary heap of costs with their states; equal costs leave in the order they came.
private struct CostQueue {
  private var heap: [(cost: Int, order: Int, state: Int)] = []
  private var pushed = 0

  mutating func push(_ cost: Int, _ state: Int) {
    heap.append((cost, pushed, state))
    pushed += 1
    var i = heap.count - 1
    while i > 0, isBefore(i, (i - 1) / 2) {
      heap.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  mutating func pop() -> (cost: Int, state: Int)? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = last
      var i = 0
      while true {
        var least = i
        if 2 * i + 1 < heap.count, isBefore(2 * i + 1, least) { least = 2 * i + 1 }
        if 2 * i + 2 < heap.count, isBefore(2 * i + 2, least) { least = 2 * i + 2 }
        guard least != i else { break }
        heap.swapAt(i, least)
        i = least
      }
    }
    return (top.cost, top.state)
  }

  private func isBefore(_ i: Int, _ j: Int) -> Bool {
    (heap[i].cost, heap[i].order) < (heap[j].cost, heap[j].order)
  }
}

extension Automaton {
  /// A readable text that it accepts, as short as readable goes; nil when it accepts none.
  public func witness(limits: AnalysisLimits = .standard) throws(Opaque) -> String? {
    try Automaton.witness(in: [self], notIn: [], limits: limits)
  }

  /// A readable text that all of `positives` accept and none of `negatives` does; nil when there is none.
  public static func witness(
    in positives: [Automaton], notIn negatives: [Automaton], limits: AnalysisLimits = .standard
  ) throws(Opaque) -> String? {
    precondition(!positives.isEmpty, "a search needs a language to search in")
    return try LanguageSearch(positives: positives, negatives: negatives, limits: limits).witness()
  }

  /// Whether there is a text that all of `positives` accept and none of `negatives` does.
  public static func hasText(
    in positives: [Automaton], notIn negatives: [Automaton], limits: AnalysisLimits = .standard
  ) throws(Opaque) -> Bool {
    precondition(!positives.isEmpty, "a search needs a language to search in")
    return try LanguageSearch(positives: positives, negatives: negatives, limits: limits).hasText()
  }

  /// What shows that an inclusion is wrong; nil when every text it accepts is accepted by at least one of `others`.
  public func counterexample(toBeingSubsetOf others: [Automaton], limits: AnalysisLimits = .standard)
    throws(Opaque) -> String?
  {
    try Automaton.witness(in: [self], notIn: others, limits: limits)
  }
}
