import CallModel
import TimeZones

/// Which of some schedules are in force together, and a moment for each such combination: for analysis, to which all
/// moments of one combination are the same.
package struct ScheduleCombinations: Sendable {
  /// In the order of the schedules given.
  package struct Moment: Hashable, Sendable {
    package var at: WallClock
    package var inForce: [Bool]
  }

  /// One for each combination that comes up, the earliest; the first is the start itself.
  package let moments: [Moment]
  /// False when more combinations than ``maximumCount`` were met.
  package let isComplete: Bool

  package static let maximumCount = 64

  /// Looks at every moment at which a schedule can begin or end.
  /// - Parameter days: how far to look; more than a year sees every date that comes back.
  package init(_ schedules: [Schedule], from start: WallClock, days: Int = 400) {
    var findings: [PolicyFinding] = []
    let compiled = schedules.enumerated().map { i, schedule in
      CompiledSchedule(schedule, PolicyPath("schedules", i), into: &findings)
    }
    func combination(_ at: WallClock) -> [Bool] { compiled.map { $0?.isInForce(at: at) ?? false } }
    var moments = [Moment(at: start, inForce: combination(start))]
    var known: Set<[Bool]> = [moments[0].inForce]
    var isComplete = true
    var minutes: Set<Int> = [0]
    for period in schedules.flatMap(\.periods) {
      guard let hours = period.hours.flatMap(HourRange.init) else { continue }
      minutes.formUnion([hours.start, hours.end % 1440])
    }
    let boundaries = minutes.sorted()
    let zones = Set(schedules.map(\.timeZone)).sorted().compactMap(CompiledSchedule.rules)
    let first = start.milliseconds / 86_400_000 - 1
    search: for day in first...first + Int64(max(0, days)) where !zones.isEmpty {
      for zone in zones {
        for minute in boundaries {
          let local = day * 86_400 + Int64(minute) * 60
          // Twice, for the days on which clocks change.
          let guess = local - Int64(zone.period(at: local).offset)
          let at = WallClock(milliseconds: (local - Int64(zone.period(at: guess).offset)) * 1000)
          guard at >= start else { continue }
          let inForce = combination(at)
          guard known.insert(inForce).inserted else { continue }
          guard moments.count < ScheduleCombinations.maximumCount else {
            isComplete = false
            break search
          }
          moments.append(Moment(at: at, inForce: inForce))
        }
      }
    }
    self.moments = moments
    self.isComplete = isComplete
  }
}
