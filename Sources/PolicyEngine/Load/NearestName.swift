import CallModel

/// The name among `candidates` that `name` was probably meant to be: at most a third of its letters differ.
func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
  let wanted = Array(name.caseFolded.unicodeScalars.prefix(100))
  var best: (name: String, distance: Int)?
  for candidate in candidates {
    let limit = min(best?.distance ?? .max, max(1, wanted.count / 3) + 1)
    let distance = editDistance(wanted, Array(candidate.caseFolded.unicodeScalars.prefix(100)), below: limit)
    if let distance, distance < limit || best == nil { best = (candidate, distance) }
  }
  return best?.name
}

/// Insertions, deletions, changes and swaps of neighbours that turn `a` into `b`; nil when there are `limit` or more.
private func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar], below limit: Int) -> Int? {
  guard abs(a.count - b.count) < limit else { return nil }
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    row.reserveCapacity(b.count + 1)
    for j in 0..<b.count {
      var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  guard let distance = last.last, distance < limit else { return nil }
  return distance
}
